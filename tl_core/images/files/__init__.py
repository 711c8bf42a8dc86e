"""Files from strangers: where they come from, what they may hold, how they are decoded.

sources      files from folders, browsers and ZIPs, with the class and split that their path says
containers   limits on what a picture's file may hold, checked before decoding
rgb          whatever was decoded to 8-bit RGB
decoding     decode safely, upright, in RGB; thumbnails; several pictures side by side
untrusted, decoding_process   the same in processes of their own, with limits
"""
