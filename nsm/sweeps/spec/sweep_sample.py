"""The sweep file to start from."""

#: What `nsm sweep --example` prints.
SAMPLE = """\
# nsm sweep levels.toml --out levels.csv   (unknown keys are errors; --check tells how long)
network = "mnist_mlp"              # shipped, a file, or module:callable; or several in [networks]
data = "mnist"                     # see nsm train --help; or data of your own
samples = 20                       # noisy passes per image
chips = 3                          # seeded programmings per point
seed = 0
images = 1000                      # the first 1000 test images (leave out: all)
sampling = "moments"               # or "exact": every cell is drawn

[hardware]
device = "fefet_jerry2017"         # see nsm presets; or a file, see nsm presets export --help
gate = "nsm_bernoulli"             # the default; "none" reads the cells alone
gate_sharing = "pair"              # pair, cell, word_line
mapping = "differential_pair"      # differential_pair, balanced_pair, reference_column
weight_scale = "layer"             # or "row", "tile": each uses all levels
tile_shape = [128, 128]            # word lines, bit lines
"device.write.error_factor" = 1.0  # any dotted path into Hardware
# [hardware.layers]                # layers that differ, by name or pattern
# "4" = "digital"
# "blocks.*" = {"device.levels" = 16}

# [hardwares.FeFET]                # several hardwares: what differs from [hardware]; the
# [hardwares.RRAM]                 # names are the column "hardware" of the rows
# device = "rram_wu2018"

[axes]
"device.levels" = [2, 4, 8, 16, 32]
gain = [0.1, 1.0]                  # also reprogrammed_scale, seconds, compensation
# "comparator.offset" = {start = 1e-9, stop = 1e-6, num = 4, scale = "log"}
# "device.read_noise" = ["none", {name = "5 %", kind = "gaussian", sigma = 0.05}]
# "head:layer" = ["tiles", "digital"]

# [[zip]]                          # axes that move together; there may be several [[zip]]
# "wires.r_row" = [0.5, 1.0, 2.0]
# "wires.r_col" = [0.5, 1.0, 2.0]

# [data_options]                   # of data of your own: white, label_column, image_shape
# white = 16
# [calibrate]                      # converters of open range, on the first training images
# images = 200
# method = "least_squares"         # max, percentile (percentile = 99.9), least_squares
# [until]                          # a chip stops when it has read enough images
# errors = 100                     # wrong ones among them; or precision = 0.1, relative
"""
