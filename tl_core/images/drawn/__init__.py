"""Pictures that a program draws, for samples that need no download.

leaves    leaves of several trees
surfaces  metal and fabric, with and without a defect
"""
