"""The terms of the field, each in one sentence for somebody who meets it for the first time.

A text that says ``[[epoch]]``, or ``[[epochs|epoch]]``, shows the word underlined; its sentence
comes up when the pointer rests on it, when it has the focus, and at a tap.
"""

import re
from html import escape

from pages.shared.text import html_text

_MARKED = re.compile(r"\[\[([^\]|]+)(?:\|([^\]]+))?\]\]")

TERMS = {
    "backbone": (
        "A network that was pretrained on a large collection of pictures, without its classifier; "
        "it turns a picture into features: a list of numbers that describe what is in it."
    ),
    "pretrained": (
        "Already trained on other pictures, often more than a million, so that it recognises "
        "edges, textures and shapes before it has seen any of yours."
    ),
    "transfer learning": (
        "Reusing a network that was trained on a large collection of pictures for a task of your "
        "own with only a few pictures."
    ),
    "parameters": (
        "The numbers inside a network that training adjusts; more of them can learn more, but need "
        "more time and memory."
    ),
    "input size": (
        "The number of pixels per side to which every picture is scaled before it enters the "
        "network; larger shows finer details and takes longer."
    ),
    "CNN": (
        "A convolutional neural network: it slides small filters over the picture and detects "
        "edges first, then textures, then parts of objects."
    ),
    "ViT": (
        "A vision transformer: it cuts the picture into patches and relates every patch to every "
        "other one; accurate, and usually slower on a laptop."
    ),
    "supervised": "Trained on pictures with labels, such as “dog” or “boat”.",
    "self-supervised": (
        "Trained on pictures without labels, by tasks such as recognising two views of the same "
        "picture; often good for pictures unlike everyday photographs."
    ),
    "self-training": (
        "Learning also from one's own answers for pictures without labels, as if they were labels, "
        "several times over."
    ),
    "weights": (
        "The values of a network's parameters, stored in a file: everything that it has learned."
    ),
    "licence": "What the authors of the weights allow you to do with them.",
    "timm": (
        "A free library with more than a thousand pretrained image networks; this app builds its "
        "backbones with it."
    ),
    "architecture": "The design of a network: which layers it has and how they are connected.",
    "class": "One of the answers that the model can give, such as “healthy” or “rust”.",
    "label": (
        "The class that a picture is said to belong to; the model learns from it and is measured "
        "against it."
    ),
    "test set": (
        "Pictures held out from training and from every choice, so that the accuracy measured on "
        "them is unbiased."
    ),
    "validation set": (
        "Pictures held out from training, used to choose between settings and to notice "
        "overfitting."
    ),
    "training set": "The pictures that the model is fitted to.",
    "cross-validation": (
        "Each picture in turn, or each fold of them, is held out while a model is fitted to the "
        "others, and then predicted by that model; copies are held out together."
    ),
    "split": "The division of the pictures into training set, validation set and test set.",
    "exact duplicate": (
        "A file that is identical to another, byte for byte; with one in the training set and the "
        "other in the test set, the accuracy would be too high."
    ),
    "layer group": "Consecutive layers of the network that are frozen or trained together.",
    "frozen": "Not changed by training.",
    "classifier": (
        "The last layer of the network, which turns the backbone's features into a probability for "
        "each of your classes."
    ),
    "linear probing": (
        "Training only a linear classifier on the features of the frozen backbone; the result is a "
        "linear probe: fast, and hard to beat with few pictures."
    ),
    "fine-tuning": (
        "Training some of the backbone's own layers further on your pictures, starting from the "
        "pretrained weights."
    ),
    "from scratch": (
        "Training the same network from random weights, without anything learned before."
    ),
    "augmentation": (
        "Training on randomly changed versions of your pictures, such as other crops or another "
        "brightness, so that the model learns to ignore such changes."
    ),
    "epoch": "One pass over all training pictures.",
    "step": "One update of the parameters, computed from one batch of pictures.",
    "batch": "The pictures from which one update of the parameters is computed.",
    "loss": (
        "The cross-entropy: how little probability the model gives to the right classes. 0 is "
        "perfect; 0.69 is a coin toss between two classes."
    ),
    "accuracy": "The share of pictures that are classified correctly.",
    "overfitting": (
        "Fitting the training pictures so closely that new ones suffer: the training loss keeps "
        "falling while the validation loss rises."
    ),
    "learning rate": (
        "The size of each update of the parameters; too large, and training becomes unstable."
    ),
    "weight decay": (
        "Shrinks the parameters slightly towards zero at every step, against overfitting."
    ),
    "seed": (
        "The starting value of the random number generator: the same seed on the same machine "
        "gives the same result."
    ),
    "class weights": (
        "In the loss, every class counts the same however many pictures it has, so that rare "
        "classes are not ignored."
    ),
    "confidence interval": (
        "A range computed so that, if the test were repeated with new pictures again and again, 95 "
        "% of such ranges would contain the true value; fewer pictures make it wider."
    ),
    "confusion matrix": (
        "A table that counts the pictures of each true class (rows) by predicted class (columns); "
        "the diagonal holds the correct answers."
    ),
    "precision": "Of the pictures predicted to be of a class, the share that really are.",
    "recall": "Of the pictures of a class, the share that the model finds.",
    "F1": "The harmonic mean of precision and recall: it is high only when both are.",
    "macro F1": "The average of the F1 of all classes, each class counting the same.",
    "unlike the training pictures": (
        "The picture's features are farther from those of all training pictures than 95 % of the "
        "training pictures are from the others. The model must answer with one of its classes even "
        "then. About 5 % of suitable pictures are marked too."
    ),
    "probability": (
        "The model's stated confidence in each class; for one picture they add up to 100 %."
    ),
    "Grad-CAM": (
        "A heat map of the areas of the picture that contributed most to the score of one class."
    ),
    "ONNX": "A file format for trained networks that many programs and devices can run.",
    "safetensors": "A file format for weights that cannot contain program code.",
    "parity": (
        "Whether the exported file gives the same probabilities as the app for the same pictures."
    ),
    "baseline": "A simpler method, measured on the same pictures, to compare a result with.",
    "random weights": "The network before any training: all of its layers, with nothing learned.",
    "colour histogram": (
        "How much of each colour a picture contains, and nothing about shapes; if that is enough "
        "to separate your classes, background or lighting may give them away."
    ),
    "paired difference": (
        "The difference between two models' answers on the same pictures, picture by picture; hard "
        "pictures are then hard for both, so it is more certain than comparing two separate tests."
    ),
    "negative transfer": (
        "Starting from pretrained weights gives a worse result than doing without them."
    ),
    "percentage point": "The difference between two percentages: from 80 % to 85 % is 5 points.",
    "proxy A-distance": (
        "How well a linear classifier can tell two sets of pictures apart by their features: 0 "
        "means no better than chance, 2 means without error."
    ),
    "Fréchet distance": (
        "The distance between two sets of pictures' features, from their means and covariances; it "
        "is too large with few pictures and serves for comparison only."
    ),
    "learning curve": "Accuracy plotted against the number of training pictures.",
    "calibration": (
        "Whether probabilities match frequencies: of all answers given with 80 %, about 80 % "
        "should be correct."
    ),
    "temperature": (
        "A number by which the model's raw scores are divided: above 1 makes its probabilities "
        "less confident, below 1 more, and the predicted class stays the same."
    ),
    "coverage": "The share of pictures that get an answer instead of “not sure”.",
    "conformal set": (
        "A list of classes, for each picture as long as needed to contain the right class in a "
        "chosen share of pictures, such as 90 %."
    ),
    "k-nearest neighbours": (
        "Each picture gets the most frequent class among the pictures with the most similar "
        "features; it needs no training."
    ),
    "group": (
        "Pictures that show the same thing, such as copies, a burst of shots, one leaf or one "
        "patient; a group is never divided between training and test."
    ),
    "locked test set": (
        "Pictures held out from all training and every choice; measure on them once, at the end, "
        "because choosing by the result makes the number too good."
    ),
    "anomaly detection": (
        "Only normal pictures are learned; a picture is anomalous if it, or its parts, are farther "
        "from all of them than normal pictures are from each other."
    ),
    "false alarm": "A normal picture that the model calls anomalous.",
    "AUROC": (
        "The area under the ROC curve: how likely an anomalous picture scores higher than a normal "
        "one, whatever the threshold. 0.5 is chance, 1 perfect."
    ),
    "mAP": (
        "Mean average precision: how well each label's pictures are ranked before all others, on "
        "average; 1 is perfect, and it needs no threshold."
    ),
    "exact match": "The share of pictures of which every label is right, none missed or added.",
    "prototype": "The mean of the features of a class's pictures; the nearest one is the answer.",
    "domain adaptation": (
        "Making a model fit pictures of another place, such as another camera, of which there are "
        "pictures but no labels."
    ),
    "run": "One training with its settings and its result.",
}


def term(name: str) -> str:
    """Return the one-sentence explanation of a term, for a widget's `help`."""
    return TERMS[name]


def explained(text: str) -> str:
    """Return text of ours as HTML, with the terms that it marks explained."""
    return _MARKED.sub(_explanation, html_text(text))


def unmarked(text: str) -> str:
    """Return the same text without its marks, for where nothing can be explained."""
    return _MARKED.sub(r"\1", text)


def _explanation(found: re.Match) -> str:
    words = found[1]
    sentence = TERMS.get(found[2] or words[0].lower() + words[1:]) or TERMS.get(words)
    if sentence is None:  # somebody's name, perhaps, that looks like a mark
        return found[0]
    return (
        f'<span class="tl-term" tabindex="0">{words}'
        f'<span class="tl-tip" role="tooltip">{escape(sentence)}</span></span>'
    )
