"""The Evaluation page's parts.

per_class    the confusion matrix to choose a cell from; metrics of every class
cells        the pictures of a cell, to look at and to relabel
calibration  whether its probabilities can be believed
since        what it was trained on, what is new since, how it does there
adaptation   what adapting to another place changes
anomalies    the result of a model of normal pictures
questions    how well each of several questions is answered
locked_test  the result on the locked test part
"""
