"""The Predict page's parts.

single  a few pictures, each with its answer
webcam  answers while one looks, and pictures kept to look at closely
batch   many pictures as a table
"""
