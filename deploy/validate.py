"""What deploy/validate asks: schemas, and the Restricted Pod Security Standard."""

import json
import sys

import jsonschema
import kubernetes_validate
import yaml

# What a pod may do that the Restricted standard forbids, and why there is no way without it.
EXCEPTIONS = {
    ("DaemonSet", "agent"): {
        "volume proc is a hostPath": "the machine's network counters are in its own /proc",
        "volume sys is a hostPath": "thermometers, clocks, links and power chips are files of the machine's /sys",
    },
}
# https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
}
MADE_BY_ADMINISTRATORS = {"ClusterRole", "ClusterRoleBinding", "Namespace", "PriorityClass", "PersistentVolume"}


def against_schema(what, schema, files):
    with open(schema, encoding="utf-8") as text:
        read = json.load(text)
        validator = jsonschema.validators.validator_for(read)(read)
    for file in files:
        with open(file, encoding="utf-8") as text:
            errors = list(validator.iter_errors(yaml.safe_load(text)))
        for error in errors:
            print(f"{file}: {error.json_path}: {error.message}", file=sys.stderr)
        if errors:
            sys.exit(1)
        print(f"{file}: meets the schema of {what}")


def kubernetes(overlay, file, versions):
    with open(file, encoding="utf-8") as text:
        objects = list(yaml.safe_load_all(text))
    problems = []
    for thing in objects:
        name = thing["kind"], thing["metadata"]["name"]
        for version in versions:
            try:
                kubernetes_validate.validate(thing, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                problems.append(f"{name}, Kubernetes {version}: {error.message}")
        if thing["kind"] in MADE_BY_ADMINISTRATORS:
            problems.append(f"{name} wants rights over the whole cluster")
        if "namespace" not in thing["metadata"]:
            problems.append(f"{name} has no namespace")
        if "template" in thing.get("spec", {}):
            problems.extend(pod_security(name, thing["spec"]["template"]["spec"]))
    for problem in problems:
        print(f"{overlay}: {problem}", file=sys.stderr)
    if problems:
        sys.exit(1)
    print(f"{overlay}: {len(objects)} objects are right in Kubernetes {', '.join(versions)}")


def pod_security(name, pod):
    """Restricted, but for the exceptions; an exception that nothing needs is a problem too."""
    found = set(violations(pod))
    allowed = EXCEPTIONS.get(name, {})
    for violation in sorted(found & allowed.keys()):
        print(f"  {name[0]} {name[1]}: {violation}: {allowed[violation]}")
    if not found:
        print(f"  {name[0]} {name[1]}: meets the Restricted Pod Security Standard")
    yield from (f"{name}: {violation}, which Restricted forbids" for violation in found - allowed.keys())
    yield from (f"{name}: the exception '{unused}' is not needed" for unused in allowed.keys() - found)


def violations(pod):
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(key):
            yield key
    for volume in pod.get("volumes", []):
        kinds = volume.keys() - {"name"}
        if kinds - VOLUMES:
            yield f"volume {volume['name']} is a {', '.join(sorted(kinds))}"
    of_pod = pod.get("securityContext", {})
    if of_pod.get("sysctls"):
        yield "sysctls"
    for container in pod.get("initContainers", []) + pod["containers"]:
        yield from container_violations(container, of_pod)


def container_violations(container, of_pod):
    name, own = container["name"], container.get("securityContext", {})

    def either(key):
        return own.get(key, of_pod.get(key))

    capabilities = own.get("capabilities", {})
    if own.get("privileged"):
        yield f"{name} is privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield f"{name} may gain privileges"
    if "ALL" not in capabilities.get("drop", []) or set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        yield f"{name} has capabilities"
    if either("runAsNonRoot") is not True or either("runAsUser") == 0:
        yield f"{name} may be root"
    if (either("seccompProfile") or {}).get("type") not in ("RuntimeDefault", "Localhost"):
        yield f"{name} has no seccomp profile"
    if own.get("procMount", "Default") != "Default":
        yield f"{name} sees an unmasked /proc of its own"
    if any("hostPort" in port and port["hostPort"] for port in container.get("ports", [])):
        yield f"{name} has a port of the machine"


if sys.argv[1] == "kubernetes":
    kubernetes(sys.argv[2], sys.argv[3], sys.argv[4:])
else:
    against_schema(sys.argv[1], sys.argv[2], sys.argv[3:])
