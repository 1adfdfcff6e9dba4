"""The sweep file of tests of the `nsm` command."""

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
