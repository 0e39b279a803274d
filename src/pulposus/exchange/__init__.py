"""What leaves for other programs: a disc under a load as a FEBio deck, and as a mesh with fields for ParaView.

`posed` takes the disc of a case through its loads, `febio` writes it for FEBio 4, `paraview` its fields as VTU.
"""
