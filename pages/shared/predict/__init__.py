"""The Predict page's parts.

single     a few pictures, each with its answer
anomaly    the answer of a model of normal pictures
questions  an answer to each of several questions
webcam     answers while one looks, and pictures kept to look at closely
batch      many pictures, classified in the background
folder     what came of them: to look through, to correct, to take away
"""
