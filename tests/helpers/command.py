"""The command in this process, and a folder to work in: what tests of `nsm …` share."""

SWEEP = """\
network = "small.safetensors"
samples = 2
chips = 1
images = 20
[hardware]
device = "fefet_jerry2017"
[axes]
"device.levels" = [4, 32]
gain = [0.1, 1.0]
"""
