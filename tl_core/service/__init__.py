"""Processes: what runs where, from a queued run or a command to the work and back.

worker             the process that executes queued runs, one after the other
execution          one run from its claim to its end
run_work           what each kind of run does, and its signs of life
downloads          weights and sample sets, followed by a run
download_process   the process that downloads
compute            the warm process that answers pages' short questions
illustrations      what a network does with one picture, as pictures for a page
live               the live models: kept up to date while pages ask, questions answered from memory
live_project       one project with its live model: what is to be done, what is known
live_model         what is prepared without labels, and the fit for the labels of now
live_features      pictures looked at as they arrive, kept where trainings find them
on_demand          what a person asks for: groups to name, what is wrong, what to label next
estimates          how long a training will take, from what earlier ones took
tally              what a training did and how long it took
headless/          the command line: train, assess, check, cluster, predict, export
"""
