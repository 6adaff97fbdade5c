# Stands in for Microsoft's image of Azurite where that cannot be pulled: the same version, from the npm registry.
ARG NODE
FROM $NODE
ARG VERSION
RUN apt-get update && apt-get install -y --no-install-recommends netcat-openbsd && \
  npm install --global --omit=dev --ignore-scripts azurite@$VERSION && npm cache clean --force
LABEL audit-query.stand-in="Azurite from the npm registry"
WORKDIR /opt/azurite
CMD ["azurite"]
