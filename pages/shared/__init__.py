"""What several pages share; a folder per step holds what only that step draws.

journey      the page table: files, titles, addresses, which steps are done
state        the open project and run: address, session and disk
layout       the frame of a page: guard, header, progress line, what is missing, the way on
elements     cards, numbers, names, notes, messages
text         names literally; sizes, counts, shares and times as people say them
glossary     the field's terms, a sentence each
class_colours  one colour per class on every page
answers      what a model says of one picture
gallery      a page of thumbnails to look at, choose from and act on
panel        one picture large: answer, heat map, how to mend it
camera       the webcam: frames recorded, and answers while one looks
charts       the figures
results      how good a model is: the one way in which a result is stated
result_cards  the cards of a finished training
run_control  start, follow, stop and resume a run of any kind
run_choice   which run a page shows
downloads    downloads as runs: begin, find, follow
background   work in a thread of the server
compute      short questions to the compute process, without waiting for the answer
"""
