"""What a project's live model says, on every page.

known       what the compute process has said of it so far, asked in the background
words       its number, what the last change did, why there is none
header      the line at the top of every page
number      the number as cards, with what it rests on
least_sure  the pictures that it is least sure of
elsewhere   new pictures that come from another place
try_it      new pictures in a drawer, or in a box on a page
few_shot    a game: two pictures of each class, and fresh ones
"""
