"""The Helm chart as its tests have it: rendered by Go's templates for some values, and read as YAML.

Takes CHART RENDERER POLICYD off the command line, where RENDERER is the program made from render.go.
"""

import copy
import json
import pathlib
import subprocess
import sys
import tempfile

import jsonschema
import yaml

CHART = pathlib.Path(sys.argv.pop(1))
RENDERER = sys.argv.pop(1)
POLICYD = sys.argv.pop(1)
# The least that a cluster has to say.
ADDRESSES = {"ipam": {"nodeRanges": {"node-a": [["10.244.1.0/24"]]}}}


def defaults():
    return yaml.safe_load((CHART / "values.yaml").read_text())


def merged(base, changes):
    result = copy.deepcopy(base)
    for key, value in changes.items():
        if value is None:  # as Helm does
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict) and value:
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


def run_renderer(changes):
    """Of the defaults with these changes, which are held to the schema as Helm would."""
    values = merged(defaults(), changes)
    jsonschema.validate(values, json.loads((CHART / "values.schema.json").read_text()))
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(values, file)
        file.flush()
        return subprocess.run([RENDERER, str(CHART), file.name, "node", "kube-system"], check=False, capture_output=True, text=True)


def render(changes=None):
    """Every document of the chart, by kind, a ConfigMap by its name; one that comes twice is an error of the test."""
    done = run_renderer(merged(ADDRESSES, changes or {}))
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    documents = {}
    for document in yaml.safe_load_all(done.stdout):
        if document is not None:
            key = document["metadata"]["name"] if document["kind"] == "ConfigMap" else document["kind"]
            assert key not in documents
            documents[key] = document
    return documents


def agent_config(documents):
    return yaml.safe_load(documents["policyc-config"]["data"]["policyd.yaml"])


def conflists(documents):
    return {name: json.loads(text) for name, text in documents["policyc-cni"]["data"].items()}


def conflist(documents):
    """The only one: of every node."""
    data = conflists(documents)
    assert list(data) == ["_every-node.conflist"], data
    return data["_every-node.conflist"]
