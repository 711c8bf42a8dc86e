"""How good a model is, measured on pictures that it was not fitted on.

folds        stratified, seeded folds that never separate a group
out_of_fold  the one division that everything compared is measured on, and its answers
measuring    a network's answers for picture files, counted
calibration  do probabilities mean what they say? temperature, "not sure", sets of classes
explanation  where a network looked
few_shot     how far one, two or five pictures of each class go
projection   pictures as points of a plane, near each other where they are alike
"""
