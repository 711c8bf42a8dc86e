"""What runs found out, as values that pages read; each is kept in its run's folder.

intervals   95 % intervals of a share of right answers
report      one training: how good the model is
anomaly     one training on normal pictures only: false alarms, what it finds
adaptation  one training that learnt from pictures without labels, of another place or not
questions   one training on several questions: how well each is answered
trained_on  the labels of one training, what has changed since, its model on new pictures
locked      the same on the locked test part
comparison  two trainings on the same pictures
assessment  did the pretrained model help?
ranking     which backbone suits the pictures best
answers     what a model says about new pictures; a table of them
classified  a folder of new pictures with its answers, kept and corrected
live        what a live model knows now, and what it says of pictures
health      what is wrong with the pictures
onnx_check  whether the exported file gives the app's answers
"""
