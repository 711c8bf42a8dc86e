"""The Backbone page's parts.

choice       the chosen backbone, and whether it can be used yet
cards        backbones as cards, and a search
ranking      which one suits the pictures, and downloads to compare
own_weights  a weights file of the person's own
"""
