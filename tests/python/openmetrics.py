"""Reads a page of metrics from stdin with the reference parser of the format, which is strict, and writes it as JSON."""

import json
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families

families = text_string_to_metric_families(sys.stdin.read())
json.dump(
    [
        {
            "name": family.name,
            "type": family.type,
            "unit": family.unit,
            "help": family.documentation,
            "samples": [[sample.name, sample.labels, str(sample.value)] for sample in family.samples],
        }
        for family in families
    ],
    sys.stdout,
)
