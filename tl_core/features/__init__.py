"""Pictures to kept numbers.

decoding, augmentation   files into crops; random views of training pictures
device                   on what networks compute here, with how many threads
engine, openvino         a frozen network on crops: by a rule, checked against plain float32
array_cache              arrays per picture on disk, by what made them and by content hash
extraction               features of pictures, computed once and kept
patches                  what a middle stage makes of each part of a picture
comparison_inputs        what else a comparison needs of each picture
frozen_front             what a network's frozen front makes of pictures
copies                   pictures that show the same thing, found and kept together
named_sources            which sources that file names speak of show in the pictures, too
fingerprints, alignment  how alike two pictures are: turned and mirrored; moved and scaled
"""
