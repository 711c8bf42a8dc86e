"""The home page's parts.

sample_sets      their cards, and a project made of one
project_dialogs  make, rename and delete a project
"""
