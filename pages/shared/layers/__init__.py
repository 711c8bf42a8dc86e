"""The Layers page's parts.

draft            the settings of the next training, read and written back
approach_choice  cards of the ways to transfer, and the settings of those without presets
approach_words   these in words
strategies       the named ways to train, and the frozen groups they stand for
strategy_picker  presets, slider and stages in step; what the choice costs
stages           the network as its stages, with what each makes of a picture
augmentation     cards with previews
expert_settings  the folded rest
"""
