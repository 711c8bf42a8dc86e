"""Files from strangers: where they come from, what they may hold, how they are decoded.

sources      files from folders, browsers and ZIPs, with the class and split that their path says
decoding     decode safely, upright, in RGB; thumbnails; several pictures side by side
"""
