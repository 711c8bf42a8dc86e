"""LIGHT: what is said of pictures: rows, not file moves.

classes    the class of each picture
questions  answers to further questions, which never touch the classes
"""
