"""Starts the chat: the same as `rag serve --sample`."""

import sys

from rag.cli import main

if __name__ == "__main__":
    main(["serve", "--sample", *sys.argv[1:]])
