#!/bin/sh
# Installs picollect on this machine from an APT repository, and takes it away again.
#
# deploy/repository puts a copy of this into each repository, with its address and its key in the two places below;
# as it is here, it is told the address and fetches the key from there.
#
# Everything is done by a function that is called in the last line: where a download breaks off, nothing happens.
set -eu

REPOSITORY=
KEY=$(cat <<'KEY'
@KEY@
KEY
)

usage() {
    cat <<'TEXT'
Usage: install.sh [OPTION...] node|collector
       install.sh [OPTION...] --uninstall node|collector

Adds the APT repository of picollect to this machine and installs the agent (node) or the collector from it.
It says what it finds and does, and asks before it changes what is not picollect's own: whether I2C is turned
on. A second run changes nothing that is right already. As root; on Debian 12, Raspberry Pi OS of the same
age, or newer.

  --repository URL  where the repository is, such as http://head-node/picollect or file:/media/stick/picollect
  --join URL        the node also joins the collector at this address, such as http://head-node:8650; the
                    one-time code is asked for, or read from the file of --code-file
  --code-file FILE  has the code in its first line
  --name NAME       what the node is called; default: its host name
  --i2c yes|no      whether to turn on I2C for power meters and panels, in place of asking; without a terminal
                    and without this option nothing is turned on
  --dry-run         says what would be done, and does nothing; need not be root
  --uninstall       takes away the package, the repository and what was changed for I2C; configuration and
                    data stay
  --purge           with --uninstall: configuration and data too, EVERYTHING THAT WAS EVER MEASURED

Examples:
  sudo sh install.sh collector
  sudo sh install.sh --join http://head-node:8650 --i2c yes node
TEXT
}

main() {
    what='' dry='' uninstall='' purge='' join='' code_file='' name='' i2c=''
    while [ $# -gt 0 ]; do
        case $1 in
            -h | --help) usage; exit 0 ;;
            --repository | --join | --code-file | --name | --i2c)
                [ $# -gt 1 ] || wrong_usage "$1 wants a value"
                case $1 in
                    --repository) REPOSITORY=${2%/} ;;
                    --join) join=$2 ;;
                    --code-file) code_file=$2 ;;
                    --name) name=$2 ;;
                    --i2c) i2c=$2 ;;
                esac
                shift 2
                ;;
            --dry-run) dry=yes; shift ;;
            --uninstall) uninstall=yes; shift ;;
            --purge) purge=yes; shift ;;
            node | collector) [ -z "$what" ] || wrong_usage "one of node and collector at a time"; what=$1; shift ;;
            *) wrong_usage "what is '$1'?" ;;
        esac
    done
    case $i2c in '' | yes | no) ;; *) wrong_usage "--i2c is yes or no" ;; esac
    case $what in
        node) package=picollect-agent other=picollect architectures="amd64 arm64 armhf" ;;
        collector) package=picollect other=picollect-agent architectures="amd64 arm64" ;;
        *) wrong_usage "node or collector?" ;;
    esac
    [ "$what" = node ] || [ -z "$join$code_file$name$i2c" ] || wrong_usage "a collector joins nobody and has no I2C"
    [ -z "$purge" ] || [ -n "$uninstall" ] || wrong_usage "--purge belongs to --uninstall"
    [ -n "$dry" ] || [ "$(id -u)" = 0 ] || fail "this wants to be root: sudo sh install.sh …, or look first with --dry-run"
    case ${KEY:-@} in @*) KEY= ;; esac
    detect
    if [ -n "$uninstall" ]; then
        take_away
    else
        add_source
        add_package
        [ "$what" = collector ] || ask_for_i2c
        [ -z "$join" ] || join_collector
        say_what_next
    fi
}

wrong_usage() { # MESSAGE
    printf 'install.sh: %s\n\n' "$1" >&2
    usage >&2
    exit 2
}

fail() { # MESSAGE
    printf 'install.sh: %s\n' "$1" >&2
    exit 1
}

say() { # MESSAGE
    printf '%s\n' "$1"
}

# --- How anything is changed: only here, so that a dry run changes nothing ------------------------

run() { # COMMAND...
    if [ -n "$dry" ]; then
        say "would run: $*"
    else
        say "run: $*"
        "$@" </dev/null
    fi
}

# The file with this text and no other.
write() { # FILE TEXT
    if [ -e "$1" ] && [ "$(cat "$1")" = "$2" ]; then
        say "$1 is right already"
    elif [ -n "$dry" ]; then
        say "would write $1"
    else
        say "write $1"
        mkdir -p "${1%/*}"
        printf '%s\n' "$2" >"$1.new"
        chmod 644 "$1.new"
        mv "$1.new" "$1"
    fi
}

remove() { # FILE
    [ -e "$1" ] || return 0
    if [ -n "$dry" ]; then say "would remove $1"; else say "remove $1"; rm "$1"; fi
}

# --- What is here --------------------------------------------------------------------------------

detect() {
    [ -r /etc/os-release ] || fail "there is no /etc/os-release; this is for Debian and Raspberry Pi OS"
    system=$(os_release ID)
    version=$(os_release VERSION_ID)
    case " $system $(os_release ID_LIKE) " in
        *" ubuntu "*) at_least 24 "Ubuntu" ;;
        *" debian "* | *" raspbian "*) at_least 12 "Debian or Raspberry Pi OS" ;;
        *) fail "this is $system; there are packages for Debian and Raspberry Pi OS only. A release also has static programs, which run on any Linux." ;;
    esac
    architecture=$(dpkg --print-architecture)
    case " $architectures " in
        *" $architecture "*) ;;
        *) fail "there is no package $package for $architecture, only for $architectures" ;;
    esac
    # Raspberry Pi OS calls both armhf.
    [ "$(uname -m)" != armv6l ] || fail "the processor of this board is an ARMv6 (Pi 1, Pi Zero): the package wants an ARMv7"
    board=
    if [ -r /sys/firmware/devicetree/base/model ]; then
        board=$(tr -d '\0' </sys/firmware/devicetree/base/model)
    elif [ -r /sys/class/dmi/id/product_name ]; then
        board=$(cat /sys/class/dmi/id/product_name)
    fi
    say "this is: ${board:-a board that does not say its name}, $system $version, $architecture"
}

os_release() { # KEY
    # shellcheck disable=SC1091 # It is this machine's.
    (. /etc/os-release && eval "printf %s \"\${$1-}\"")
}

at_least() { # VERSION NAME
    # A testing or unstable Debian has no number, and is newer.
    [ -z "$version" ] || [ "${version%%.*}" -ge "$1" ] ||
        fail "this is $2 $version; the packages want $1 or newer, for their C library. A release also has static programs."
}

# --- The repository and the package --------------------------------------------------------------

sources=/etc/apt/sources.list.d/picollect.sources
keyring=/etc/apt/keyrings/picollect.asc

add_source() {
    [ -n "$REPOSITORY" ] || wrong_usage "where is the repository? Give --repository URL"
    if [ -z "$KEY" ]; then
        KEY=$(fetch "$REPOSITORY/picollect.asc") || fail "there is no $REPOSITORY/picollect.asc: is this a repository of picollect?"
        say "the key of $REPOSITORY is taken from there; over plain HTTP compare it: gpg --show-keys $keyring"
    fi
    write "$keyring" "$KEY"
    write "$sources" "Types: deb
URIs: $REPOSITORY
Suites: stable
Components: main
Signed-By: $keyring"
}

fetch() { # URL
    case $1 in
        file:*) cat "/${1#file:*/}" ;;
        *) if command -v curl >/dev/null; then curl -fsSL "$1"; else wget -qO- "$1"; fi ;;
    esac
}

add_package() {
    # A group that exists before the package is installed gets its user.
    before=$(installed_version "$package")
    run env DEBIAN_FRONTEND=noninteractive apt-get -q update
    run env DEBIAN_FRONTEND=noninteractive apt-get -q install --yes "$package"
    [ -n "$dry" ] || say "$package ${before:-(new)} -> $(installed_version "$package")"
}

installed_version() { # PACKAGE
    dpkg-query -W -f '${db:Status-Status} ${Version}' "$1" 2>/dev/null | sed -n 's/^installed //p'
}

# --- I2C -----------------------------------------------------------------------------------------

modules=/etc/modules-load.d/picollect-i2c.conf
rules=/etc/udev/rules.d/60-picollect-i2c.rules
# What is between these lines is ours; [all] ends a section that may be for another board.
begin='# Begin of what picollect added: the I2C bus.'
end='# End of what picollect added.'

ask_for_i2c() {
    firmware=$(firmware_file)
    if i2c_is_on; then
        say "I2C is on already"
        return
    fi
    if [ -z "$i2c" ] && [ -z "$dry" ] && (: </dev/tty) 2>/dev/null; then
        say "Power meters and panels are connected by I2C. To turn it on, this changes"
        [ -z "$firmware" ] || say "  $firmware (dtparam=i2c_arm=on; from the next boot on)"
        say "  $modules (the module i2c-dev)"
        getent group i2c >/dev/null || say "  $rules and the group i2c, which may use the buses"
        printf 'Turn on I2C? [y/N] '
        read -r answer </dev/tty
        case $answer in y | Y | yes) i2c=yes ;; *) i2c=no ;; esac
    fi
    if [ "$i2c" = yes ]; then
        turn_on_i2c
    else
        say "I2C is not turned on (--i2c yes does); everything else is read without it"
    fi
}

firmware_file() {
    case $board in "Raspberry Pi"*) ;; *) return 0 ;; esac
    for file in /boot/firmware/config.txt /boot/config.txt; do
        # The older place only has a note that says where it went.
        if [ -e "$file" ]; then printf '%s' "$file"; return 0; fi
    done
}

i2c_is_on() {
    [ -z "$firmware" ] || grep -Eq '^[[:space:]]*dtparam=(.*,)?i2c(_arm)?=on' "$firmware" || return 1
    getent group i2c >/dev/null || return 1
    [ -e "$modules" ] || [ -e /sys/class/i2c-dev ] || grep -qs '^i2c-dev' /etc/modules
}

turn_on_i2c() {
    if [ -n "$firmware" ] && ! grep -Eq '^[[:space:]]*dtparam=(.*,)?i2c(_arm)?=on' "$firmware"; then
        write "$firmware" "$(cat "$firmware" && printf '%s\n' "$begin" '[all]' dtparam=i2c_arm=on "$end")"
        reboot=yes
    fi
    write "$modules" i2c-dev
    if ! getent group i2c >/dev/null; then
        write "$rules" 'KERNEL=="i2c-[0-9]*", GROUP="i2c", MODE="0660"'
        run groupadd --system i2c
    fi
    # The user of the agent gets into the groups that there are now.
    run env DEBIAN_FRONTEND=noninteractive dpkg-reconfigure picollect-agent
    if systemd_runs && [ -z "${reboot-}" ]; then
        run modprobe i2c-dev
        run udevadm control --reload
        run udevadm trigger --subsystem-match=i2c-dev
    fi
}

turn_off_i2c() {
    for file in /boot/firmware/config.txt /boot/config.txt; do
        if [ -e "$file" ] && grep -qxF "$begin" "$file"; then
            write "$file" "$(sed "/^$begin\$/,/^$end\$/d" "$file")"
        fi
    done
    remove "$modules"
    if [ -e "$rules" ]; then
        remove "$rules"
        # Made here, because there was none; somebody else may be in it by now.
        case $(getent group i2c) in
            *: | *:picollect-agent) run groupdel i2c ;;
        esac
    fi
}

# --- Joining, and what is left to do -------------------------------------------------------------

join_collector() {
    if grep -qsF "\"$join\"" /etc/picollect/agent.toml; then
        say "the node has joined $join already"
        return
    fi
    # A pipe of this script is its standard input; the code comes from elsewhere.
    code=${code_file:-/dev/tty}
    set -- picollect-agent join "$join" ${name:+--name "$name"}
    if [ -n "$dry" ]; then
        say "would run: $* <$code"
        return
    fi
    (: <"$code") 2>/dev/null || fail "there is no terminal to ask for the code; give --code-file FILE"
    "$@" <"$code"
    if systemd_runs; then run systemctl restart picollect-agent; fi
}

systemd_runs() {
    [ -d /run/systemd/system ]
}

say_what_next() {
    [ -z "$dry" ] || { say "this was a dry run: nothing was changed"; return 0; }
    [ -z "${reboot-}" ] || say "I2C is there after a reboot"
    if [ "$what" = collector ]; then
        say "a code for a node: sudo -u picollect picollect token code --data /var/lib/picollect"
    elif [ -z "$join" ]; then
        say "the node joins with: sudo picollect-agent join http://HEAD-NODE:8650"
    else
        say "what it measures: picollect-agent probe --config /etc/picollect/agent.toml"
    fi
}

take_away() {
    verb=remove
    [ -z "$purge" ] || verb=purge
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    case $state:$verb in
        : | :* | not-installed:*) say "$package is not installed" ;;
        config-files:remove) say "$package is removed already" ;;
        *) run env DEBIAN_FRONTEND=noninteractive apt-get -q "$verb" --yes "$package" ;;
    esac
    [ "$what" = collector ] || turn_off_i2c
    if [ -n "$(installed_version "$other")" ]; then
        say "the repository stays: $other is installed from it"
    else
        remove "$sources"
        remove "$keyring"
    fi
    [ -z "$dry" ] || say "this was a dry run: nothing was changed"
}

main "$@"
