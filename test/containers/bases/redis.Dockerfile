# Stands in for Docker's official image `redis` where that cannot be pulled: Debian's Redis, which may be an older one.
FROM localhost/audit-query-debian:bookworm
RUN groupadd --system --gid 999 redis && useradd --system --uid 999 --gid redis --home-dir /data redis && \
  apt-get update && apt-get install -y --no-install-recommends redis-server && \
  mkdir /data && chown redis:redis /data
LABEL audit-query.stand-in="Debian's Redis"
VOLUME /data
WORKDIR /data
# As in the official image, other containers are let in without a password.
ENTRYPOINT ["/bin/sh", "-c", "exec \"$@\" --protected-mode no", "--"]
CMD ["redis-server"]
