"""What leaves for other programs, and what comes from them: a disc under a load, a disc from a surface.

`posed` takes the disc of a case through its loads, `febio` writes it for FEBio 4, `paraview` its fields as VTU;
`surface` makes a case of somebody else's surface.
"""
