#!/usr/bin/env bash
# A small AIS cluster of real processes on this machine. See usage() below.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: deploy/playground.sh VERB [NODE] [FLAGS]

  up           build what is missing, start what does not run, wait until every node is ready
  down         end the nodes (data stays, the next up finds it again)
  status       one line a node; exit status 1 unless all are ready
  env          shell exports for the clients: eval "$(deploy/playground.sh env)"
  logs [NODE]  the last lines of every node's log, or of one; with --follow as they come
  kill NODE    SIGKILL
  start NODE   start it again, as up was called

  --dir DIR        where everything lives (.playground in the project's folder)
  --port N         first port (8080): proxies N+0..9, targets N+10..29, etcd N+30..35
  --proxies N      (1)
  --targets N      (3)
  --mountpaths N   of each target (2)
  --etcd KIND      embedded: in proxy1 (the default); embedded3: a member in each of proxy1, proxy2
                   and proxy3; 3: three processes of its own, etcd1, etcd2 and etcd3
  --s3-domain D    also serve virtual-host style buckets, BUCKET.D
  --auth           verify every request; made with a root user, whose key is printed
  --users A,B,...  with --auth: make these users too; all keys are in DIR/credentials
  --tls            HTTPS on every port, with certificates made in DIR/tls

--auth, --tls and --etcd are settled when DIR is made; users can be added by a later up.
Nodes are proxy1, proxy2, ..., target1, target2, ... and, with --etcd 3, etcd1, etcd2 and
etcd3; flags may follow NODE.
TEXT
}

say() { printf '%s\n' "$*"; }
fail() { printf 'playground: %s\n' "$*" >&2; exit 1; }

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bin=${PLAYGROUND_BIN:-$root/bin}

# The nodes take their settings from flags alone.
for name in $(compgen -e AIS_ || true); do unset "$name"; done

# --- command line and remembered settings ---------------------------------

verb='' node='' dir=$root/.playground follow=''
declare -A given=() conf=([port]=8080 [proxies]=1 [targets]=3 [mountpaths]=2 [etcd]=embedded [s3_domain]='' [auth]=off [tls]=off [users]='')

parse_args() {
  while [ $# -gt 0 ]; do
    local flag=${1%%=*} value=''
    case $1 in
      --dir|--port|--proxies|--targets|--mountpaths|--etcd|--s3-domain|--users)
        [ $# -ge 2 ] || fail "$1 needs a value"
        value=$2; shift ;;
      --dir=*|--port=*|--proxies=*|--targets=*|--mountpaths=*|--etcd=*|--s3-domain=*|--users=*)
        value=${1#*=} ;;
      --follow|-f) follow=yes; shift; continue ;;
      --auth|--tls) given[${flag#--}]=on; shift; continue ;;
      -h|--help|help) usage; exit 0 ;;
      -*) usage >&2; fail "unknown flag $1" ;;
      *)
        if [ -z "$verb" ]; then verb=$1; elif [ -z "$node" ]; then node=$1; else fail "unexpected argument $1"; fi
        shift; continue ;;
    esac
    shift
    case $flag in
      --dir) [ -n "$value" ] || fail "--dir is empty"
             dir=$(realpath -m -- "$value") ;;
      --s3-domain) given[s3_domain]=$value ;;
      --etcd)
        [[ $value =~ ^(embedded|embedded3|3)$ ]] || fail "--etcd is embedded, embedded3 or 3, not '$value'"
        given[etcd]=$value ;;
      --users)
        [[ $value =~ ^[A-Za-z0-9_.-]+(,[A-Za-z0-9_.-]+)*$ ]] || fail "--users wants names separated by commas, not '$value'"
        given[users]=$value ;;
      *) [[ $value =~ ^[0-9]{1,5}$ ]] || fail "$flag wants a number, not '$value'"
         given[${flag#--}]=$((10#$value)) ;;
    esac
  done
}

read_config() {
  local key value
  if [ -f "$dir/config" ]; then
    while IFS='=' read -r key value; do
      if [ -n "${conf[$key]+known}" ]; then conf[$key]=$value; fi
    done <"$dir/config"
  fi
}

# apply_flags lets the flags of up change what is remembered, as far as data in
# place allows it: nodes may be added, nothing may be moved or taken away.
apply_flags() {
  local key
  if [ -f "$dir/config" ]; then
    for key in port mountpaths etcd; do
      [ "${given[$key]:-${conf[$key]}}" = "${conf[$key]}" ] ||
        fail "$dir was made with --$key ${conf[$key]}; use another --dir for --$key ${given[$key]}"
    done
    for key in auth tls; do
      [ "${given[$key]:-${conf[$key]}}" = "${conf[$key]}" ] ||
        fail "$dir was made without --$key; use another --dir"
    done
    for key in proxies targets; do
      [ "${given[$key]:-${conf[$key]}}" -ge "${conf[$key]}" ] ||
        fail "$dir was made with --$key ${conf[$key]}; nodes can be added, not taken away"
    done
  fi
  for key in "${!given[@]}"; do conf[$key]=${given[$key]}; done
  if [ "${conf[etcd]}" = embedded3 ] && [ "${conf[proxies]}" -lt 3 ]; then
    [ -z "${given[proxies]:-}" ] || fail "--etcd embedded3 needs --proxies 3 or more"
    conf[proxies]=3
  fi
  [ -z "${conf[users]}" ] || [ "${conf[auth]}" = on ] || fail "--users needs --auth"
  [ "${conf[proxies]}" -ge 1 ] && [ "${conf[proxies]}" -le 10 ] || fail "--proxies is 1 to 10"
  [ "${conf[targets]}" -ge 1 ] && [ "${conf[targets]}" -le 20 ] || fail "--targets is 1 to 20"
  [ "${conf[mountpaths]}" -ge 1 ] && [ "${conf[mountpaths]}" -le 64 ] || fail "--mountpaths is 1 to 64"
  [ "${conf[port]}" -ge 1024 ] && [ "${conf[port]}" -le 65504 ] || fail "--port is 1024 to 65504"
}

write_config() {
  local key
  for key in port proxies targets mountpaths etcd s3_domain auth tls users; do printf '%s=%s\n' "$key" "${conf[$key]}"; done >"$dir/config.new"
  mv "$dir/config.new" "$dir/config"
}

nodes() {
  local i
  if [ "${conf[etcd]}" = 3 ]; then for i in 1 2 3; do say "etcd$i"; done; fi
  for ((i = 1; i <= conf[proxies]; i++)); do say "proxy$i"; done
  for ((i = 1; i <= conf[targets]; i++)); do say "target$i"; done
}

check_node() {
  [ -n "$node" ] || fail "$verb which node? one of: $(nodes | tr '\n' ' ')"
  nodes | grep -qxF -- "$node" || fail "there is no node '$node'; there are: $(nodes | tr '\n' ' ')"
}

port_of() {
  case $1 in
    proxy*) say $((conf[port] + ${1#proxy} - 1)) ;;
    target*) say $((conf[port] + 10 + ${1#target} - 1)) ;;
    etcd*) say $((conf[port] + 30 + 2 * (${1#etcd} - 1))) ;;
  esac
}

# members prints the nodes that run a member of etcd.
members() {
  case ${conf[etcd]} in
    embedded) say proxy1 ;;
    embedded3) printf '%s\n' proxy1 proxy2 proxy3 ;;
    3) printf '%s\n' etcd1 etcd2 etcd3 ;;
  esac
}

is_member() { members | grep -qxF -- "$1"; }

# member_port prints the client port of a node's member; the next one is its peer port.
member_port() { port_of "etcd${1##*[a-z]}"; }

# client_urls and peer_urls print those of all members of etcd, separated by commas;
# peer URLs have the names in front.
client_urls() {
  local name urls=()
  for name in $(members); do urls+=("$(scheme)://127.0.0.1:$(member_port "$name")"); done
  (IFS=,; say "${urls[*]}")
}

peer_urls() {
  local name urls=()
  for name in $(members); do urls+=("$name=$(scheme)://127.0.0.1:$(($(member_port "$name") + 1))"); done
  (IFS=,; say "${urls[*]}")
}

# --- keys and certificates ------------------------------------------------

scheme() { if [ "${conf[tls]}" = on ]; then say https; else say http; fi; }

# key_of prints a setting of a profile of the credentials file.
key_of() {
  local line within=''
  [ -f "$dir/credentials" ] || return 0
  while read -r line; do
    case $line in
      \[*) within=$line ;;
      "$2 = "*) if [ "$within" = "[$1]" ]; then say "${line#*= }"; fi ;;
    esac
  done <"$dir/credentials"
}

# make_cluster_key makes the key that all nodes share, where no proxy does.
make_cluster_key() {
  [ "${conf[etcd]}" != embedded ] && [ ! -s "$dir/cluster.key" ] || return 0
  (umask 077; head -c 32 /dev/urandom | od -An -vtx1 | tr -d ' \n' >"$dir/cluster.key.new")
  mv "$dir/cluster.key.new" "$dir/cluster.key"
}

# make_root makes up root's key, before the cluster that is made with it.
make_root() {
  [ "${conf[auth]}" = on ] && [ -z "$(key_of root aws_access_key_id)" ] || return 0
  [ ! -s "$dir/cluster.key" ] || fail "$dir/credentials is gone, and with it root's key"
  local access secret
  access=$(head -c 10 /dev/urandom | od -An -vtx1 | tr -d ' \n' | tr a-f A-F)
  secret=$(head -c 30 /dev/urandom | base64 | tr -d '\n' | tr '+/' 'xy')
  (umask 077; printf '[root]\naws_access_key_id = %s\naws_secret_access_key = %s\n' "$access" "$secret" >"$dir/credentials")
}

# as_root runs ais in root's name.
as_root() {
  local flags=(--endpoint "$(scheme)://localhost:${conf[port]}" --profile root)
  [ "${conf[tls]}" = off ] || flags+=(--ca-file "$dir/tls/ca.pem")
  AWS_SHARED_CREDENTIALS_FILE=$dir/credentials "$bin/ais" "${flags[@]}" "$@"
}

# make_users makes the users that have no key yet.
make_users() {
  local name
  for name in ${conf[users]//,/ }; do
    [ -z "$(key_of "$name" aws_access_key_id)" ] || continue
    as_root auth user add "$name" --email "$name@example.com" --credentials "$dir/credentials" >/dev/null ||
      fail "user $name could not be made"
    say "playground: user $name has the access key $(key_of "$name" aws_access_key_id)"
  done
}

# make_certificates makes, or renews, what the nodes serve with.
make_certificates() {
  [ "${conf[tls]}" = on ] || return 0
  local hosts=localhost,127.0.0.1
  [ -z "${conf[s3_domain]}" ] || hosts+=",${conf[s3_domain]},*.${conf[s3_domain]}"
  "$bin/ais" tls make "$dir/tls" --host "$hosts" >/dev/null || fail "the certificates could not be made"
}

# --- processes ------------------------------------------------------------

# start_time prints when a process was started, in clock ticks since boot: with
# the pid it names a process for ever.
start_time() {
  local stat
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  stat=${stat##*) }
  set -- $stat
  [ "$1" != Z ] && say "${20}"
}

# pid_of prints the pid of a node that runs. A pid file is believed only if the
# process has the start time noted in it and the node's own command line.
pid_of() {
  local pid started
  { read -r pid started <"$dir/run/$1.pid"; } 2>/dev/null || return 1
  [ "$(start_time "$pid")" = "$started" ] || return 1
  tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF -- "$dir/$1" || return 1
  say "$pid"
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# ready asks a node on port $1 whether it can serve. curl may not be there yet.
ready() {
  if [ "$1" -ge $((conf[port] + 30)) ]; then listening "$1"; return; fi # etcd
  if [ "${conf[tls]}" = on ]; then
    "$bin/ais" --ca-file "$dir/tls/ca.pem" probe "https://127.0.0.1:$1" >/dev/null 2>&1
    return
  fi
  (
    exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
    printf 'GET /health?readiness=true HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
    read -r -t 2 _ status _ <&3 && [ "$status" = 200 ]
  ) 2>/dev/null
}

owner_of_port() {
  { ss -Hltnp "sport = :$1" 2>/dev/null | sed -n 's/.*users:(("\([^"]*\)",pid=\([0-9]*\).*/ (\1, pid \2)/p' | head -n 1; } || true
}

# check_port gives who was killed just now a second to let go of its port.
check_port() {
  for _ in {1..20}; do
    listening "$1" || return 0
    sleep 0.05
  done
  fail "port $1, wanted for $2, is taken by another program$(owner_of_port "$1"); end it or choose another --port"
}

check_ports_of() {
  check_port "$(port_of "$1")" "$1"
  if is_member "$1"; then
    check_port "$(member_port "$1")" "$1's etcd"
    check_port $(($(member_port "$1") + 1)) "$1's etcd"
  fi
}

launch() {
  local name=$1 port args k pid scheme root_access='' root_secret=''
  port=$(port_of "$name")
  scheme=$(scheme)
  case $name in
    etcd*)
      args=("$bin/aisetcd" --id "$name" --data-dir "$dir/$name")
      if [ "${conf[tls]}" = on ]; then args+=(--etcd-cert "$dir/tls/node.pem" --etcd-key "$dir/tls/node.key" --etcd-ca "$dir/tls/ca.pem"); fi ;;
    *)
      args=(--id "$name" --cluster playground --listen "127.0.0.1:$port" --public-url "$scheme://localhost:$port"
            --data-dir "$dir/$name" --cluster-key "$dir/cluster.key" --auth "${conf[auth]}")
      if [ "${conf[tls]}" = on ]; then
        args+=(--tls-cert "$dir/tls/node.pem" --tls-key "$dir/tls/node.key" --ca "$dir/tls/ca.pem" --client-ca "$dir/tls/ca.pem")
      fi
      if [ -n "${conf[s3_domain]}" ]; then args+=(--s3-domain "${conf[s3_domain]}"); fi
      if [ "${conf[etcd]}" != embedded ] || [ "$name" != proxy1 ]; then args+=(--etcd "$(client_urls)"); fi ;;
  esac
  if is_member "$name"; then
    args+=(--etcd-listen "$scheme://127.0.0.1:$(member_port "$name")")
    if [ "${conf[etcd]}" = embedded ]; then
      args+=(--etcd-peer "$scheme://127.0.0.1:$(($(member_port "$name") + 1))")
    else
      args+=(--etcd-peers "$(peer_urls)")
    fi
  fi
  case $name in
    proxy*)
      args=("$bin/aisproxy" "${args[@]}")
      # Whichever makes the cluster makes root with this key.
      root_access=$(key_of root aws_access_key_id) root_secret=$(key_of root aws_secret_access_key) ;;
    target*)
      args=("$bin/aisnode" "${args[@]}")
      for ((k = 1; k <= conf[mountpaths]; k++)); do
        mkdir -p "$dir/$name/mp$k"
        args+=(--mountpath "$dir/$name/mp$k")
      done ;;
  esac
  mkdir -p "$dir/$name"
  # In the environment: a command line is for everybody to see.
  AIS_ROOT_ACCESS_KEY=$root_access AIS_ROOT_SECRET_KEY=$root_secret setsid nohup "${args[@]}" </dev/null >>"$dir/logs/$name.log" 2>&1 9>&- &
  pid=$!
  say "$pid $(start_time "$pid")" >"$dir/run/$name.pid"
  # Between fork and exec the command line is still this script's.
  while ! pid_of "$name" >/dev/null && start_time "$pid" >/dev/null; do sleep 0.01; done
}

# alive_or_fail ends the script if a node died while it was waited for.
alive_or_fail() {
  pid_of "$1" >/dev/null && return
  tail -n 5 "$dir/logs/$1.log" >&2
  fail "$1 ended; its log is $dir/logs/$1.log"
}

# wait_ready waits until every node given is ready, whichever comes first.
wait_ready() {
  local deadline=$((SECONDS + 30)) waiting=("$@") still name
  while [ ${#waiting[@]} -gt 0 ]; do
    still=()
    for name in "${waiting[@]}"; do
      ready "$(port_of "$name")" && continue
      alive_or_fail "$name"
      still+=("$name")
    done
    waiting=("${still[@]}")
    [ ${#waiting[@]} -eq 0 ] && break
    [ $SECONDS -lt $deadline ] || fail "not ready after 30 s: ${waiting[*]}; logs are in $dir/logs"
    sleep 0.05
  done
}

# start_nodes starts nodes and waits for them. Members of etcd go first: a proxy that
# is the only one makes the key that all nodes of a cluster share.
start_nodes() {
  local name
  for name in "$@"; do check_ports_of "$name"; done
  for name in "$@"; do if is_member "$name"; then launch "$name"; fi; done
  for name in "$@"; do
    [ "$name" = proxy1 ] && [ "${conf[etcd]}" = embedded ] || continue
    until [ -s "$dir/cluster.key" ] && listening "$(member_port proxy1)"; do
      alive_or_fail proxy1
      sleep 0.02
    done
  done
  for name in "$@"; do is_member "$name" || launch "$name"; done
  wait_ready "$@"
}

# end_nodes signals the nodes given and waits until they are gone.
end_nodes() {
  local signal=$1 name pid waiting=() still deadline=$((SECONDS + 10))
  shift
  for name in "$@"; do
    if pid=$(pid_of "$name"); then kill "-$signal" "$pid" 2>/dev/null || true; waiting+=("$name"); fi
  done
  while [ ${#waiting[@]} -gt 0 ]; do
    still=()
    for name in "${waiting[@]}"; do
      if pid=$(pid_of "$name"); then
        still+=("$name")
        if [ $SECONDS -ge $deadline ]; then say "$name does not end, killing it"; kill -KILL "$pid" 2>/dev/null || true; fi
      fi
    done
    waiting=("${still[@]}")
    if [ ${#waiting[@]} -gt 0 ]; then sleep 0.05; fi
  done
  for name in "$@"; do rm -f "$dir/run/$name.pid"; done
}

build() {
  if ! command -v go >/dev/null; then
    [ -x "$bin/aisproxy" ] && [ -x "$bin/aisnode" ] && [ -x "$bin/aisetcd" ] && [ -x "$bin/ais" ] && return
    fail "Go is not on the PATH, and $bin has no binaries"
  fi
  [ -n "${PLAYGROUND_BIN:-}" ] && return
  mkdir -p "$bin"
  (cd "$root" && CGO_ENABLED=0 go build -o "$bin/" ./cmd/...) || fail "the build failed"
}

# lock keeps two playground commands on one directory from crossing.
lock() {
  mkdir -p "$dir/run" "$dir/logs"
  exec 9>"$dir/run/lock"
  flock -w 60 9 || fail "another playground command works on $dir"
}

# --- verbs ----------------------------------------------------------------

up() {
  local missing=() name began
  apply_flags
  build
  lock
  began=$EPOCHREALTIME
  for name in $(nodes); do pid_of "$name" >/dev/null || missing+=("$name"); done
  for name in "${missing[@]}"; do check_ports_of "$name"; done
  write_config
  make_certificates
  make_root
  make_cluster_key
  if [ ${#missing[@]} -eq 0 ]; then
    wait_ready $(nodes)
    say "playground: all ${conf[proxies]} proxies and ${conf[targets]} targets run already"
  else
    start_nodes "${missing[@]}"
    wait_ready $(nodes)
    say "playground: started ${missing[*]} in $(((${EPOCHREALTIME/[.,]/} - ${began/[.,]/}) / 1000)) ms"
  fi
  make_users
  hints
}

hints() {
  local flags='' url
  url=$(scheme)://localhost:${conf[port]}
  [ "$dir" = "$root/.playground" ] || flags=" --dir $(printf %q "$dir")"
  if [ "${conf[auth]}" = on ]; then
    cat <<TEXT

Root's access key is $(key_of root aws_access_key_id), its secret key $(key_of root aws_secret_access_key).
All keys are in $dir/credentials, a profile a user.
TEXT
  fi
  if [ "${conf[tls]}" = on ]; then
    say ''
    say "The authority that signed the nodes' certificates is $dir/tls/ca.pem"
  fi
  cat <<TEXT

S3 is at $url/s3 (and at $url), metrics at $url/metrics. Try:
  eval "\$(deploy/playground.sh env$flags)"
  aws --endpoint-url $url/s3 s3 mb s3://demo
  aws --endpoint-url $url/s3 s3 cp README.md s3://demo/
  aws --endpoint-url $url/s3 s3 ls s3://demo
  ais ls ais://demo
  deploy/playground.sh status$flags
TEXT
}

down() {
  local name targets=() proxies=() holders=()
  [ -f "$dir/config" ] || { say "playground: nothing to end in $dir"; return; }
  lock
  for name in $(nodes); do
    pid_of "$name" >/dev/null || { rm -f "$dir/run/$name.pid"; continue; }
    case $name in
      target*) targets+=("$name") ;;
      *) if is_member "$name"; then holders+=("$name"); else proxies+=("$name"); fi ;;
    esac
  done
  if [ $((${#targets[@]} + ${#proxies[@]} + ${#holders[@]})) -eq 0 ]; then say "playground: nothing runs in $dir"; return; fi
  # Who has etcd goes last, so that the others can say goodbye to it.
  end_nodes TERM "${targets[@]}"
  end_nodes TERM "${proxies[@]}"
  end_nodes TERM "${holders[@]}"
  targets+=("${proxies[@]}" "${holders[@]}")
  say "playground: ended ${targets[*]}; the data stays in $dir"
}

status() {
  local name pid state all=0
  for name in $(nodes); do
    if ! pid=$(pid_of "$name"); then
      pid=- state=down all=1
    elif ready "$(port_of "$name")"; then
      state=ready
    else
      state='not ready' all=1
    fi
    printf '%-10s %-10s pid %-8s %s://localhost:%s\n' "$name" "$state" "$pid" "$(scheme)" "$(port_of "$name")"
  done
  return $all
}

print_env() {
  printf 'export PATH=%q:"$PATH"\n' "$root/.venv/bin:$bin"
  printf 'unset AWS_PROFILE AWS_SESSION_TOKEN\n'
  local access=playground secret=playground https=0
  if [ "${conf[auth]}" = on ]; then
    access=$(key_of root aws_access_key_id) secret=$(key_of root aws_secret_access_key)
    printf 'export AWS_SHARED_CREDENTIALS_FILE=%q\n' "$dir/credentials"
  fi
  if [ "${conf[tls]}" = on ]; then
    https=1
    printf 'export AWS_CA_BUNDLE=%q AIS_CLIENT_CA=%q\n' "$dir/tls/ca.pem" "$dir/tls/ca.pem"
  fi
  printf 'export AWS_ACCESS_KEY_ID=%q AWS_SECRET_ACCESS_KEY=%q AWS_DEFAULT_REGION=us-east-1\n' "$access" "$secret"
  printf 'export AWS_EC2_METADATA_DISABLED=true\n'
  printf 'export AIS_ENDPOINT=%s://localhost:%s\n' "$(scheme)" "${conf[port]}"
  printf 'export S3_ENDPOINT=localhost:%s/s3 S3_USE_HTTPS=%s\n' "${conf[port]}" "$https"
}

logs() {
  local name files=()
  for name in ${node:-$(nodes)}; do [ -f "$dir/logs/$name.log" ] && files+=("$dir/logs/$name.log"); done
  [ ${#files[@]} -gt 0 ] || fail "there are no logs in $dir/logs yet"
  tail -n 40 ${follow:+-F} "${files[@]}"
}

parse_args "$@"
read_config
case $verb in
  up) up ;;
  down) down ;;
  status) status ;;
  env)
    for key in "${!given[@]}"; do conf[$key]=${given[$key]}; done
    print_env ;;
  logs)
    [ -z "$node" ] || check_node
    logs ;;
  kill)
    check_node
    lock
    pid_of "$node" >/dev/null || fail "$node does not run"
    end_nodes KILL "$node"
    say "playground: killed $node" ;;
  start)
    check_node
    lock
    if pid_of "$node" >/dev/null; then say "playground: $node runs already"; else build; start_nodes "$node"; say "playground: started $node"; fi ;;
  '') usage >&2; exit 2 ;;
  *) usage >&2; fail "unknown verb $verb" ;;
esac
