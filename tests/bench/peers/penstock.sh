# Penstock as a team runs it: leaves of its own CA, every request judged by
# rules and recorded in the ledger. PENSTOCK_BIN says where the programs are.
PEER_DESC="penstock: own CA, judged, recorded"
PEER_H2=1
PEER_CA="$LAB_RUN/peer-penstock/state/ca.pem"
PENSTOCK_BIN="${PENSTOCK_BIN:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../../../build/bin" 2>/dev/null && pwd)}"

peer_start() {
	mkdir -p run state config
	chmod 700 run state
	cat >config/penstock.yaml <<EOC
listen: ["0.0.0.0:$PORT", "0.0.0.0:$PORT80"]
workers: $WORKERS
upstream:
  dns: ["$IP_ORG"]
  ca: ["$ORIGIN_CA"]
sandboxes:
  lab: { from: [10.77.1.0/24], policy: [lab] }
policies:
  lab:
    allow:
      - any https://*.test/** private
      - any http://*.test/** private
EOC
	export PENSTOCK_RUN_DIR="$PWD/run" PENSTOCK_STATE_DIR="$PWD/state"
	export PENSTOCK_CONFIG_DIR="$PWD/config"
	"$PENSTOCK_BIN/penstock" up >up.log 2>&1 &
}
