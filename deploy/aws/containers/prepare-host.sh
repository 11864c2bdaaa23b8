# Makes the folders of a new host's task, and gives each to the user who writes there: ECS gives all volumes to root. It runs as root
# with the one capability to change owners, and ends.
set -eu
local=/var/lib/countersign

# The features' store and the copies of modules lie on the task's own disk, and the ledger beside them on the network file system, where the
# host finds all three in one folder.
mkdir -p $local/features $local/mirror/approved $local/predictions $local/fetched $local/seed/modules
ln -sfn $local/features /ledger/features
ln -sfn $local/mirror /ledger/mirror
ln -sfn $local/features $local/seed/features
: >$local/seed/trust.toml
chown -R 10001:10001 $local
# 10002 is `files`, who looks after what the host only reads; what is temporary is his and that of `features`.
chmod 770 /tmp
chown 10002:10001 /config /tmp
