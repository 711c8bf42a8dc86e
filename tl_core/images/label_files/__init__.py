"""LIGHT: labels from files and into files, as other programs write and read them.

reading   a file into names and labels: CSV, COCO, Hugging Face imagefolder, Label Studio
matching  which pictures the names mean, what would change, and the change itself
arriving  pictures that come with a label file beside them
writing   the labels of a project as such files, alone or beside the pictures
"""
