# Stands in for Docker's official image `node` where that cannot be pulled: the same Node, from the npm registry, at the
# same places, with the same user and entry point.
FROM localhost/audit-query-debian:bookworm
COPY node_modules/node-linux-*/bin/node /usr/local/bin/
COPY node_modules/npm /usr/local/lib/node_modules/npm
COPY docker-entrypoint.sh /usr/local/bin/
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && \
  groupadd --gid 1000 node && \
  useradd --uid 1000 --gid node --shell /bin/bash --create-home node
LABEL audit-query.stand-in="Debian, and Node from the npm registry"
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["node"]
