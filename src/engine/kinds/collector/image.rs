//! What an image reference says about the collector in it: which exporters it has.

use super::parse::Signal;

/// Which of the project's distributions, ordered by how late they took up the `nop` exporter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Distribution {
    Contrib,
    Core,
    Kubernetes,
    /// `otelcol-otlp`, or anything else: it has no `nop` as far as is known.
    #[default]
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    pub major: u32,
    pub minor: u32,
    pub patch: u32,
}

/// What is known of the collector that reads a configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Image {
    pub distribution: Distribution,
    /// None for a digest alone, `latest`, or what is no version of the project's.
    pub version: Option<Version>,
}

// === impl Version ===

impl Version {
    /// The collector has been at 0.x since 2019.
    const fn zero(minor: u32) -> Self {
        Self { major: 0, minor, patch: 0 }
    }

    /// Reads a tag: `0.128.0`, `v0.128.0`, `0.128.0-amd64`.
    fn parse(tag: &str) -> Option<Self> {
        let tag = tag.strip_prefix('v').unwrap_or(tag);
        let numbers = tag.split_once('-').map_or(tag, |(numbers, _)| numbers);
        let mut parts = numbers.split('.').map(|part| part.parse().ok());
        let version = Self { major: parts.next()??, minor: parts.next()??, patch: parts.next()?? };
        parts.next().is_none().then_some(version)
    }
}

// === impl Image ===

impl Image {
    pub const UNKNOWN: Self = Self { distribution: Distribution::Other, version: None };

    /// Reads a reference such as `otel/opentelemetry-collector-contrib:0.128.0`. Only the project's own repositories,
    /// and mirrors that keep their whole name, count: what a company calls `opentelemetry-collector` it builds itself.
    pub fn parse(reference: &str) -> Self {
        let reference = reference.trim();
        let reference = reference.split_once('@').map_or(reference, |(name, _digest)| name);
        let (repository, tag) = match reference.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, tag),
            _ => (reference, ""),
        };
        let Some(name) = official_name(repository) else {
            return Self::UNKNOWN;
        };
        let distribution = match name {
            "opentelemetry-collector" => Distribution::Core,
            "opentelemetry-collector-contrib" => Distribution::Contrib,
            "opentelemetry-collector-k8s" => Distribution::Kubernetes,
            _ => Distribution::Other,
        };
        Self { distribution, version: Version::parse(tag) }
    }

    /// What holds of both, for a configuration that several workloads mount.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            distribution: self.distribution.max(other.distribution),
            version: self.version.zip(other.version).map(|(one, another)| one.min(another)),
        }
    }

    /// Whether a pipeline of this signal can end in the `nop` exporter: in otelcol and contrib since 0.98.0, in k8s since
    /// 0.102.0 (opentelemetry-collector-releases, `manifest.yaml`), for profiles since 0.143.0.
    pub fn has_nop(self, signal: Signal) -> bool {
        let in_distribution = match self.distribution {
            Distribution::Contrib | Distribution::Core => self.is_at_least(98),
            Distribution::Kubernetes => self.is_at_least(102),
            Distribution::Other => false,
        };
        in_distribution && (signal != Signal::Profiles || self.nop_knows_profiles())
    }

    pub fn nop_knows_profiles(self) -> bool {
        self.is_at_least(143)
    }

    /// `logging` stops the collector at load since 0.111.0.
    pub fn refuses_logging(self) -> bool {
        self.is_at_least(111)
    }

    /// `debug` came with 0.86.0.
    pub fn lacks_debug(self) -> bool {
        self.is_before(86)
    }

    /// `logging` knew only `loglevel` before 0.63.0.
    pub fn lacks_verbosity(self) -> bool {
        self.is_before(63)
    }

    /// The default of `debug` was `normal` until 0.90.0 made it `basic`.
    pub fn debug_defaults_to_normal(self) -> bool {
        self.is_before(90)
    }

    fn is_at_least(self, minor: u32) -> bool {
        self.version.is_some_and(|version| version >= Version::zero(minor))
    }

    fn is_before(self, minor: u32) -> bool {
        self.version.is_some_and(|version| version < Version::zero(minor))
    }
}

fn official_name(repository: &str) -> Option<&str> {
    const PLACES: [&str; 4] = [
        "docker.io/otel",
        "registry-1.docker.io/otel",
        "mirror.gcr.io/otel",
        "ghcr.io/open-telemetry/opentelemetry-collector-releases",
    ];
    let (path, name) = repository.rsplit_once('/')?;
    let is_official = path == "otel"
        || PLACES.iter().any(|place| {
            path.strip_suffix(place).is_some_and(|before| before.is_empty() || before.ends_with(['/', '.']))
        });
    is_official.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_official_images_are_known() {
        for (reference, distribution, minor) in [
            ("otel/opentelemetry-collector-contrib:0.128.0", Distribution::Contrib, 128),
            ("docker.io/otel/opentelemetry-collector:0.98.0", Distribution::Core, 98),
            ("index.docker.io/otel/opentelemetry-collector:v0.98.0", Distribution::Core, 98),
            ("harbor.example:5000/docker.io/otel/opentelemetry-collector:0.98.0", Distribution::Core, 98),
            (
                "ghcr.io/open-telemetry/opentelemetry-collector-releases/opentelemetry-collector-k8s:0.128.0",
                Distribution::Kubernetes,
                128,
            ),
            ("otel/opentelemetry-collector-contrib:0.128.0@sha256:abc", Distribution::Contrib, 128),
            ("otel/opentelemetry-collector-contrib:0.128.0-arm64", Distribution::Contrib, 128),
        ] {
            let image = Image::parse(reference);
            assert_eq!((image.distribution, image.version), (distribution, Some(Version::zero(minor))), "{reference}");
            assert!(image.has_nop(Signal::Logs), "{reference}");
        }
    }

    #[test]
    fn nothing_is_assumed_of_other_images() {
        for reference in [
            "otel/opentelemetry-collector-contrib",
            "otel/opentelemetry-collector-contrib:latest",
            "otel/opentelemetry-collector-contrib@sha256:abc",
            "otel/opentelemetry-collector-otlp:0.128.0",
            "registry.example/otel/opentelemetry-collector:0.128.0",
            "registry.example:5000/opentelemetry-collector:0.128.0",
            "opentelemetry-collector:0.128.0",
            "notdocker.io/otel/opentelemetry-collector:0.128.0",
            "",
        ] {
            assert!(!Image::parse(reference).has_nop(Signal::Logs), "{reference}");
        }
    }

    #[test]
    fn nop_came_at_different_times() {
        let has = |reference: &str, signal| Image::parse(reference).has_nop(signal);
        assert!(!has("otel/opentelemetry-collector:0.97.0", Signal::Traces));
        assert!(!has("otel/opentelemetry-collector-k8s:0.101.0", Signal::Traces));
        assert!(has("otel/opentelemetry-collector-k8s:0.102.0", Signal::Traces));
        assert!(!has("otel/opentelemetry-collector:0.142.0", Signal::Profiles));
        assert!(has("otel/opentelemetry-collector:0.143.0", Signal::Profiles));
    }

    #[test]
    fn of_two_images_only_what_both_have_is_known() {
        let contrib = Image::parse("otel/opentelemetry-collector-contrib:0.128.0");
        let old = Image::parse("otel/opentelemetry-collector-k8s:0.101.0");
        assert!(!contrib.and(old).has_nop(Signal::Logs));
        assert!(!contrib.and(Image::UNKNOWN).has_nop(Signal::Logs));
        assert_eq!(contrib.and(contrib), contrib);
    }
}
