"""The Images page's parts.

adding         ways to bring pictures in
recording      frames recorded by webcam
arrivals       what is on its way, and what came of it
health         what stands in the way of a good model
health_check   what is wrong with them, by how much it matters, mended where it shows
browser        the pictures, by class and page by page
changes        move and exclude pictures, and take the last change back
order          as added, or by what the live model says of them
tiles          one picture in the gallery, with what the live model says of it
class_dialogs  make, rename, merge and delete a class
piles          pictures without a class, in groups to name
sweep          those that teach the model most, to label by keys
places         pictures of other places, kept apart
questions      further questions about the pictures, answered by hand
groups         pictures that show the same thing
picture_map    every picture as a dot, alike ones together
label_files    labels from a file of another program, and into one
locked_test    a test part that nothing is chosen by
"""
