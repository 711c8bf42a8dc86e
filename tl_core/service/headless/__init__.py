"""The command line: the app's engine without a browser.

options    the options of the commands, each with its explanation
folders    folders of pictures into projects
labels     tables of labels, one column per question
commands   what the commands do and say
terminal   what a command says meanwhile
results    what they found, as files and lines
"""
