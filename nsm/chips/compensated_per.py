"""What a compensation measures one factor for; without torch, as sweep files need it."""

#: What has one factor: all outputs of a layer, or each output.
COMPENSATED_PER = ("layer", "column")
