"""The Evaluation page's parts.

confusion_matrix  the matrix to choose a cell from
cells             the pictures of a cell, to look at and to relabel
class_table       precision, recall and F1 of every class
heat_map          where the model looked
calibration       whether its probabilities can be believed
locked_test       the result on the locked test part
"""
