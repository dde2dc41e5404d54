//! The rows: printed as a table, written as JSON.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::measure::Rounds;
use super::noise::Heard;

/// Medians, ratios and what the machine did meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    noise: Option<Value>,
}

#[derive(Debug)]
struct Row {
    name: String,
    runtime: &'static str,
    unit: &'static str,
    peer_name: Option<&'static str>,
    ours: f64,
    peer: Option<f64>,
    ratio: Option<f64>,
    /// Between the lowest and the highest round: of the ratio where there is
    /// one, otherwise of ours as a part of its median.
    spread: f64,
}

impl Report {
    /// Two rows for ours (the first) and a peer's (the second): requests per second and CPU.
    pub(crate) fn pair(
        &mut self,
        name: &str,
        runtime: &'static str,
        peer: &'static str,
        rounds: &[Rounds],
    ) {
        let [ours, theirs, ..] = rounds else {
            return;
        };
        let figures = [
            ("requests/s", &ours.per_second, &theirs.per_second),
            ("µs CPU/request", &ours.cpu, &theirs.cpu),
        ];
        for (unit, ours, theirs) in figures {
            // A round's two figures come from seconds next to each other, so
            // their ratio is steadier than the ratio of the medians.
            let ratios: Vec<f64> = ours
                .iter()
                .zip(theirs)
                .map(|(ours, theirs)| ours / theirs)
                .collect();
            self.rows.push(Row {
                name: name.to_owned(),
                runtime,
                unit,
                peer_name: Some(peer),
                ours: median(ours),
                peer: Some(median(theirs)),
                ratio: Some(median(&ratios)),
                spread: range(&ratios),
            });
        }
    }

    /// Ours alone.
    pub(crate) fn single(&mut self, name: &str, runtime: &'static str, rounds: &[Rounds]) {
        let Some(ours) = rounds.first() else {
            return;
        };
        for (unit, values) in [
            ("requests/s", &ours.per_second),
            ("µs CPU/request", &ours.cpu),
        ] {
            let ours = median(values);
            self.rows.push(Row {
                name: name.to_owned(),
                runtime,
                unit,
                peer_name: None,
                ours,
                peer: None,
                ratio: None,
                spread: range(values) / ours,
            });
        }
    }

    /// The CPU of a whole request against that of its bare signature, natively.
    pub(crate) fn native(
        &mut self,
        name: &str,
        runtime: &'static str,
        rounds: &[Rounds],
        micros: f64,
    ) {
        let Some(ours) = rounds.first() else {
            return;
        };
        let median_of_ours = median(&ours.cpu);
        if runtime != "workerd" {
            self.single(name, runtime, rounds);
        }
        self.rows.push(Row {
            name: format!("{name}, against the bare signature"),
            runtime,
            unit: "µs CPU/request",
            peer_name: Some("aws-lc-rs"),
            ours: median_of_ours,
            peer: Some(micros),
            ratio: Some(median_of_ours / micros),
            spread: range(&ours.cpu) / micros,
        });
    }

    /// What something adds to a request.
    pub(crate) fn cost(
        &mut self,
        name: &str,
        runtime: &'static str,
        with: &Rounds,
        without: &Rounds,
    ) {
        let wall = |rounds: &Rounds| {
            rounds
                .per_second
                .iter()
                .map(|rate| 1e6 / rate)
                .collect::<Vec<_>>()
        };
        let figures = [
            ("µs CPU/request", with.cpu.clone(), without.cpu.clone()),
            ("µs/request at full load", wall(with), wall(without)),
        ];
        for (unit, with, without) in figures {
            let added: Vec<f64> = with
                .iter()
                .zip(&without)
                .map(|(with, without)| with - without)
                .collect();
            self.rows.push(Row {
                name: format!("cost of {name}"),
                runtime,
                unit,
                peer_name: None,
                ours: median(&added),
                peer: None,
                ratio: None,
                spread: range(&added) / median(&added),
            });
        }
    }

    /// What else the machine did.
    pub(crate) fn noise(&mut self, heard: &Heard) {
        let Heard {
            cores,
            load_before,
            load_after,
            steal,
            busy,
        } = heard;
        self.noise = Some(json!({
            "cores": cores,
            "loadBefore": load_before,
            "loadAfter": load_after,
            "stealPercent": round(*steal, 1),
            "busyPercent": round(*busy, 1),
        }));
    }

    /// The table, in Markdown.
    pub(crate) fn print(&self) {
        println!("| measure | runtime | unit | ours | peer | ratio | spread |");
        println!("|---|---|---|---:|---:|---:|---:|");
        for row in &self.rows {
            let peer = row.peer.map_or_else(
                || "–".to_owned(),
                |peer| format!("{} ({})", shown(peer), row.peer_name.unwrap_or_default()),
            );
            let ratio = row
                .ratio
                .map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}"));
            let spread = match row.ratio {
                Some(_) => format!("{:.2}", row.spread),
                None => format!("{:.0} %", 100.0 * row.spread),
            };
            let Row {
                name,
                runtime,
                unit,
                ours,
                ..
            } = row;
            println!(
                "| {name} | {runtime} | {unit} | {} | {peer} | {ratio} | {spread} |",
                shown(*ours)
            );
        }
        if let Some(noise) = &self.noise {
            println!("\nThe machine meanwhile: {noise}");
        }
    }

    /// The rows as a JSON array of objects.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let rows = self.rows.iter().map(|row| {
            json!({
                "name": row.name,
                "runtime": row.runtime,
                "unit": row.unit,
                "ours": round(row.ours, 2),
                "peerName": row.peer_name,
                "peer": row.peer.map(|peer| round(peer, 2)),
                "ratio": row.ratio.map(|ratio| round(ratio, 3)),
                "spread": round(row.spread, 3),
                "noise": self.noise,
            })
        });
        let text = serde_json::to_string_pretty(&rows.collect::<Vec<_>>())?;
        fs::write(file, text + "\n").with_context(|| format!("writing {}", file.display()))
    }
}

fn shown(value: f64) -> String {
    if value >= 1000.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}

fn round(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    if values.len() % 2 == 1 {
        at(middle)
    } else {
        f64::midpoint(at(middle.saturating_sub(1)), at(middle))
    }
}

fn range(values: &[f64]) -> f64 {
    let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    highest - lowest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_ratios_and_spreads() {
        let ours = Rounds {
            per_second: vec![20.0, 30.0, 10.0],
            cpu: vec![1.0, 1.0, 1.0],
        };
        let peer = Rounds {
            per_second: vec![10.0, 10.0, 10.0],
            cpu: vec![2.0, 2.0, 4.0],
        };
        let mut report = Report::default();
        report.pair("x", "workerd", "jose", &[ours.clone(), peer]);
        report.cost("y", "workerd", &ours, &ours);
        let [rate, cpu, ..] = report.rows.as_slice() else {
            panic!("rows")
        };
        assert_eq!(
            (rate.ours, rate.peer, rate.ratio),
            (20.0, Some(10.0), Some(2.0))
        );
        assert!((rate.spread - 2.0).abs() < 1e-9);
        assert_eq!((cpu.ours, cpu.peer, cpu.ratio), (1.0, Some(2.0), Some(0.5)));
        assert_eq!(report.rows.len(), 4);
        assert!((median(&[1.0, 2.0, 4.0, 8.0]) - 3.0).abs() < 1e-9);
    }
}
