# The image of the controller: docker build -t ks-universal:0.2.0 . (any builder of Dockerfiles does)
# What `ks-universal controller manifests --image` names; the command line works in it, too: docker run ks-universal:0.2.0 --help

FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .
# Compiled here: the controller's file system is read-only.
RUN python -m venv --without-pip /opt/ks-universal && pip --python /opt/ks-universal install --no-cache-dir --compile /wheels/*.whl

FROM python:3.13-slim
COPY --from=build /opt/ks-universal /opt/ks-universal
ENV PATH=/opt/ks-universal/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# Nobody's, as a number: Kubernetes sees that it is not root's.
USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["ks-universal"]
CMD ["controller"]
