"""`python -m simulator`: the simulator without Django."""

import argparse

from simulator import foreground

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="simulator", description="A fake BSP and a fake CleverTap.")
    foreground.add_options(parser)
    foreground.run(**vars(parser.parse_args()))
