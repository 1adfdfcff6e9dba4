from devices.read_noise import BlankOut as BlankOut
from devices.read_noise import GaussianNoise as GaussianNoise
from devices.read_noise import LognormalNoise as LognormalNoise
from devices.read_noise import NoNoise as NoNoise
from devices.read_noise import PowerLawNoise as PowerLawNoise
from devices.read_noise import Product as Product
from devices.read_noise import ReadNoise as ReadNoise
