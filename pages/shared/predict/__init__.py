"""The Predict page's parts.

single  a few pictures, each with its answer
batch   many pictures as a table
"""
