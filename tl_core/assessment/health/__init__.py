"""What is wrong with the pictures, by how much it matters.

traits     what is known of a picture without looking at what it shows
quality    pictures that show too little
giveaways  traits that tell a class all by themselves
suspects   labels that look wrong
structure  classes that look like one or like two; pictures unlike the rest
findings   what all of this says, as findings
check      all of it, on a project
"""
