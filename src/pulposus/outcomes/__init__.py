"""What people feel and report: scores, and why they change."""
