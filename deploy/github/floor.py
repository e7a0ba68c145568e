"""The part of rows that a model gets right, and whether that is enough.

    edgewit predict churn-1.wasm held-out.csv --format csv > predicted.csv
    python3 floor.py held-out.csv Churn predicted.csv --at-least 0.78

Both files are CSV with a header, row for row; the model's labels are in the column `label`.
"""

import argparse
import csv
import sys


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("truth", help="CSV with the rows and what is true of them")
    arguments.add_argument("column", help="its column that the model predicts")
    arguments.add_argument("predicted", help="CSV that the model made of the rows")
    arguments.add_argument("--at-least", type=float, required=True, metavar="PART")
    given = arguments.parse_args()
    with open(given.truth, newline="", encoding="utf-8") as truth:
        expected = [row[given.column] for row in csv.DictReader(truth)]
    with open(given.predicted, newline="", encoding="utf-8") as predicted:
        labels = [row["label"] for row in csv.DictReader(predicted)]
    if not expected or len(expected) != len(labels):
        sys.exit(f"expected as many predictions as rows, got {len(labels)} for {len(expected)}")
    right = sum(label == truth for label, truth in zip(labels, expected)) / len(expected)
    print(f"accuracy {right:.4f} of {len(expected)} rows; {given.at_least} is asked for")
    sys.exit(0 if right >= given.at_least else 1)


main()
