"""`python -m pulposus` is the command `pulposus`."""

from pulposus.cli import main

if __name__ == "__main__":
    main()
