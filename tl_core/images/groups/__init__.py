"""Pictures that show the same thing, kept together by every split and fold.

joining        which pictures belong together: join them, write it down, put it back
name_patterns  what file names say about where pictures come from
recordings     frames of a webcam that come, stay together and go as one
grouping       what a search or a person decides: keep, accept, split, merge
name_proposals  groups that names suggest and pictures confirm: propose, accept, dismiss
"""
