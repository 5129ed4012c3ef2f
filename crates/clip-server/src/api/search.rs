//! Searches, and ways of looking around among their results.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use clip_search::image::RgbImage;
use clip_search::json::{JsonAnswer, JsonDay, JsonHit, JsonPlaces, JsonSpot, JsonTimeline, JsonUnderstood};
use clip_search::language::Date;
use serde::{Deserialize, Deserializer};

use super::{json, json_bytes, parameters};
use crate::body;
use crate::decoding;
use crate::problem::{self, Problem};
use crate::search::catalogue::{self, Catalogue};
use crate::search::ranking::Ranking;
use crate::search::{Crop, Example, Request, Sort, Understanding};
use crate::state::App;
use crate::thumbnails::unreadable;

/// Results of a page that does not say how many it wants.
pub(crate) const USUAL: usize = 50;
/// Results of a page at most.
const MOST: usize = 1000;
/// Places on a map at most.
const MOST_PLACES: usize = 500;

/// What is searched for.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct Parameters {
    /// A query in the language of queries; all photos, the newest first, if it is empty.
    pub(crate) q: String,
    /// How many results the page may have: 50 unless given, at most 1000.
    pub(crate) limit: Option<usize>,
    /// How many results come before the page.
    pub(crate) offset: usize,
    /// In which order results come.
    #[param(inline)]
    pub(crate) sort: Sort,
    /// Near duplicates and shots of the same moment are one result.
    #[serde(deserialize_with = "flag")]
    pub(crate) collapse: bool,
    /// Results that show much the same as an earlier one come later. It makes no difference to other orders than that by relevance.
    #[serde(deserialize_with = "flag")]
    pub(crate) diverse: bool,
    /// Nothing in the query is a condition.
    #[serde(deserialize_with = "flag")]
    pub(crate) literal: bool,
    /// Results are ranked by plain similarity.
    #[serde(deserialize_with = "flag")]
    pub(crate) raw: bool,
    /// Results whose relevance is lower are left out.
    pub(crate) min_relevance: Option<f32>,
    /// Finds what is like the photo with this id.
    pub(crate) like: Option<u64>,
    /// Finds what is like a picture that was sent: what the answer to that had as `picture`.
    pub(crate) picture: Option<String>,
    /// Only this part of the photo or picture counts: left, top, width and height as shares of it, from 0 to 1.
    pub(crate) crop: Option<String>,
}

/// True for what forms and scripts write.
fn flag<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    let text = String::deserialize(from)?;
    match text.as_str() {
        "true" | "1" | "on" | "yes" => Ok(true),
        "false" | "0" | "" => Ok(false),
        _ => Err(serde::de::Error::custom("expected true or false")),
    }
}

impl Parameters {
    /// The search that they ask for.
    ///
    /// # Errors
    /// [`Problem`] if they contradict one another.
    pub(crate) fn request(&self) -> Result<Request, Problem> {
        let crop = self.crop.as_deref().map(str::parse::<Crop>).transpose()?;
        let example = match (self.like, &self.picture) {
            (Some(id), None) => Some(Example::Photo { id, crop }),
            (None, Some(picture)) => Some(Example::Sent { picture: picture.clone(), crop }),
            (None, None) if crop.is_none() => None,
            _ => {
                return Err(Problem::bad("expected `like` or the token of an image, and `crop` only with one of them"));
            }
        };
        if self.min_relevance.is_some_and(|relevance| !(0.0..=1.0).contains(&relevance)) {
            return Err(Problem::bad("expected a min_relevance from 0 to 1"));
        }
        Ok(Request {
            text: self.q.clone(),
            literal: self.literal,
            raw: self.raw,
            collapse: self.collapse,
            diverse: self.diverse,
            sort: self.sort,
            min_relevance: self.min_relevance,
            example,
        })
    }

    /// How many results are wanted.
    ///
    /// # Errors
    /// [`Problem`] if it is too many.
    pub(crate) fn limit(&self) -> Result<usize, Problem> {
        let limit = self.limit.unwrap_or(USUAL);
        if limit > MOST { Err(Problem::bad(format!("expected a limit of at most {MOST}"))) } else { Ok(limit) }
    }
}

/// Searches for photos
#[utoipa::path(get, path = "/api/v1/search", params(Parameters), responses(
    (status = 200, body = JsonAnswer), (status = 400, body = problem::Body), (status = 404, body = problem::Body)))]
pub(crate) async fn search(State(app): State<Arc<App>>, uri: Uri) -> Result<Response, Problem> {
    let parameters: Parameters = parameters(&uri)?;
    answer(&app, &parameters, None).await
}

/// Searches for photos like the one in the body
///
/// Further pages pass `picture` of the answer to `GET /api/v1/search`.
#[utoipa::path(post, path = "/api/v1/search", params(Parameters),
    request_body(content = Vec<u8>, description = "The bytes of an image", content_type = "application/octet-stream"),
    responses((status = 200, body = JsonAnswer), (status = 413, body = problem::Body), (status = 422, body = problem::Body)))]
pub(crate) async fn search_by_picture(
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let mut parameters: Parameters = parameters(&uri)?;
    if parameters.like.is_some() || parameters.picture.is_some() {
        return Err(Problem::bad("expected no other example than the image in the body"));
    }
    parameters.picture = Some(receive(&app, &headers, body).await?);
    let picture = parameters.picture.clone();
    answer(&app, &parameters, picture.as_deref()).await
}

/// Receives a picture, and gives its token.
async fn receive(app: &App, headers: &HeaderMap, body: Body) -> Result<String, Problem> {
    let bounds = &app.settings.bounds;
    let most = bounds.picture_bytes;
    // Room for what it says, or for whatever may come.
    let expected = body::length(headers).unwrap_or(most).min(most);
    let room = u32::try_from(expected.div_ceil(1024)).unwrap_or(u32::MAX);
    let _room = app.uploads.try_acquire_many(room).map_err(|_| Problem::busy())?;
    let bytes = body::read(headers, body, most, bounds).await?;
    if bytes.is_empty() {
        return Err(Problem::bad("expected an image in the body, found nothing"));
    }
    let bytes = Arc::new(bytes);
    let copy = Arc::clone(&bytes);
    let decoded = app.decoding.example(move |decode| decode(&copy), 1.0);
    let image = body::in_time(bounds, decoded).await?;
    Ok(app.pictures.keep(image, &bytes))
}

/// What was found, and how it was understood.
pub(crate) struct Found {
    pub(crate) understanding: Understanding,
    pub(crate) ranking: Arc<Ranking>,
}

/// Searches as far as `upto`.
///
/// # Errors
/// [`Problem`] if there is no answer.
pub(crate) async fn find(app: &App, request: &Request, upto: usize) -> Result<Found, Problem> {
    let understanding = app.searches.understand(request, &app.settings)?;
    let pixels = || pixels(app, request.example.as_ref());
    let ranking = app.searches.ranking(request, &understanding, upto, pixels);
    let ranking = body::in_time(&app.settings.bounds, ranking).await?;
    Ok(Found { understanding, ranking })
}

/// The picture of an example that has pixels.
async fn pixels(app: &App, example: Option<&Example>) -> Result<RgbImage, Problem> {
    match example {
        Some(Example::Sent { picture, crop }) => {
            let picture = app.pictures.get(picture)?;
            Ok(crop.map_or_else(|| (*picture).clone(), |crop| crop.of(&picture)))
        }
        Some(Example::Photo { id, crop }) => {
            let asset = app.record(*id)?.asset;
            let share = crop.map_or(1.0, Crop::share);
            let read = move |decode: &dyn Fn(&[u8]) -> Result<RgbImage, Problem>| {
                decode(&decoding::read(&asset).map_err(|error| unreadable(&error))?)
            };
            let image = app.decoding.example(read, share).await?;
            Ok(crop.map_or_else(|| image.clone(), |crop| crop.of(&image)))
        }
        None => Err(Problem::internal("expected an example")),
    }
}

async fn answer(app: &Arc<App>, parameters: &Parameters, picture: Option<&str>) -> Result<Response, Problem> {
    let started = Instant::now();
    let (offset, limit) = (parameters.offset, parameters.limit()?);
    let request = parameters.request()?;
    let Found { understanding, ranking } = find(app, &request, offset.saturating_add(limit)).await?;
    let (text, picture, places) = (request.text, picture.map(str::to_owned), app.settings.places);
    let bytes = app.searches.compute(move || {
        let hits = ranking.page(offset, limit)?;
        let shown = |hit| if places { JsonHit::from(hit) } else { JsonHit::without_place(hit) };
        let (next, length) = (offset.saturating_add(limit), ranking.len());
        let answer = JsonAnswer {
            query: JsonUnderstood { text: &text, understood: &understanding.parts },
            total: ranking.is_all.then_some(length as u64),
            offset: offset as u64,
            limit: limit as u64,
            matches: ranking.matches,
            // Whoever wants none would ask for the same page for ever.
            next_offset: (limit > 0 && (next < length || !ranking.is_all)).then_some(next as u64),
            generation: ranking.searcher.reader().generation(),
            milliseconds: started.elapsed().as_secs_f64() * 1e3,
            picture: picture.as_deref(),
            results: hits.iter().map(shown).collect(),
        };
        serde_json::to_vec(&answer).map_err(Problem::internal)
    });
    Ok(json_bytes(bytes.await?))
}

/// The entries of all results of a search in the order of their dates, the latest first.
async fn by_date(app: &App, uri: &Uri) -> Result<(Arc<Ranking>, Arc<Catalogue>), Problem> {
    let parameters: Parameters = parameters(uri)?;
    let request = Request { sort: Sort::Date, ..parameters.request()? };
    let Found { ranking, .. } = find(app, &request, usize::MAX).await?;
    let catalogue = app.searches.catalogue(&ranking.searcher).await?;
    Ok((ranking, catalogue))
}

fn entries(ranking: &Ranking, catalogue: &Catalogue) -> impl Iterator<Item = Option<catalogue::Entry>> {
    ranking.items().map(|item| catalogue.find(item).map(|at| catalogue.entry(at)))
}

/// The days on which results were taken
///
/// The offsets are those of the results with `sort=date`. With a description, they are the best that match.
#[utoipa::path(get, path = "/api/v1/timeline", params(Parameters), responses(
    (status = 200, body = JsonTimeline), (status = 400, body = problem::Body), (status = 404, body = problem::Body)))]
pub(crate) async fn timeline(State(app): State<Arc<App>>, uri: Uri) -> Result<Response, Problem> {
    let (ranking, catalogue) = by_date(&app, &uri).await?;
    let days = app.searches.compute(move || {
        let mut days: Vec<(Option<i32>, JsonDay)> = Vec::new();
        for (offset, entry) in entries(&ranking, &catalogue).enumerate() {
            let day = entry.and_then(|entry| entry.day);
            match days.last_mut() {
                Some((known, last)) if *known == day => last.photos += 1,
                _ => days.push((day, JsonDay { day: day.and_then(written), photos: 1, offset: offset as u64 })),
            }
        }
        serde_json::to_vec(&JsonTimeline { days: days.into_iter().map(|(_, day)| day).collect() })
            .map_err(Problem::internal)
    });
    Ok(json_bytes(days.await?))
}

/// A number of days since 1970 as year, month and day.
fn written(day: i32) -> Option<String> {
    let date = Date::constant(1970, 1, 1).checked_add(jiff::Span::new().try_days(day).ok()?);
    date.ok().map(|date| date.to_string())
}

/// The places at which results were taken
///
/// Results near one another are one place. With a description, they are the best that match.
#[utoipa::path(get, path = "/api/v1/places", params(Parameters), responses(
    (status = 200, body = JsonPlaces), (status = 400, body = problem::Body), (status = 404, body = problem::Body)))]
pub(crate) async fn places(State(app): State<Arc<App>>, uri: Uri) -> Result<Response, Problem> {
    if !app.settings.places {
        return json(&JsonPlaces { places: Vec::new() });
    }
    let (ranking, catalogue) = by_date(&app, &uri).await?;
    let places = app.searches.compute(move || {
        let located: Vec<(u64, f32, f32)> = entries(&ranking, &catalogue)
            .flatten()
            .filter_map(|entry| entry.gps.map(|(latitude, longitude)| (entry.item, latitude, longitude)))
            .collect();
        let mut places = clustered(&located);
        for spot in &mut places {
            if let Some(record) = ranking.record(spot.id)? {
                spot.id = record.id;
                spot.name = record.asset.places.first().cloned();
            }
        }
        serde_json::to_vec(&JsonPlaces { places }).map_err(Problem::internal)
    });
    Ok(json_bytes(places.await?))
}

/// Items near one another as one place, whose id is that of one of them: by the cells of a grid that is as fine as it can be.
fn clustered(located: &[(u64, f32, f32)]) -> Vec<JsonSpot> {
    /// Of a cell, in degrees: some 200 metres.
    const FINEST: f64 = 0.002;
    let mut cells: HashMap<(i32, i32), JsonSpot> = HashMap::new();
    for &(id, latitude, longitude) in located {
        let (lat, lon) = (f64::from(latitude), f64::from(longitude));
        let cell = ((lat / FINEST).floor() as i32, (lon / FINEST).floor() as i32);
        add(&mut cells, cell, JsonSpot { lat, lon, photos: 1, id, name: None });
    }
    while cells.len() > MOST_PLACES {
        let mut larger = HashMap::with_capacity(cells.len() / 2);
        for ((x, y), spot) in cells {
            // Four cells become one.
            add(&mut larger, (x >> 1, y >> 1), spot);
        }
        cells = larger;
    }
    let middle = |spot: JsonSpot| {
        let photos = spot.photos as f64;
        let rounded = |sum: f64| (sum / photos * 1e5).round() / 1e5;
        JsonSpot { lat: rounded(spot.lat), lon: rounded(spot.lon), ..spot }
    };
    let mut spots: Vec<JsonSpot> = cells.into_values().map(middle).collect();
    spots.sort_unstable_by_key(|spot| (std::cmp::Reverse(spot.photos), spot.id));
    spots
}

/// Adds sums and counts to those of a cell. The least id stands for all, so that the answer does not depend on an order.
fn add(cells: &mut HashMap<(i32, i32), JsonSpot>, cell: (i32, i32), spot: JsonSpot) {
    match cells.entry(cell) {
        Entry::Vacant(place) => {
            place.insert(spot);
        }
        Entry::Occupied(mut place) => {
            let known = place.get_mut();
            known.lat += spot.lat;
            known.lon += spot.lon;
            known.photos += spot.photos;
            known.id = known.id.min(spot.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_written_as_people_do() {
        assert_eq!(written(0).unwrap(), "1970-01-01");
        assert_eq!(written(18_051).unwrap(), "2019-06-04");
        assert_eq!(written(-1).unwrap(), "1969-12-31");
        assert_eq!(written(i32::MAX), None);
    }

    #[test]
    fn places_that_are_near_one_another_are_one() {
        let spots = clustered(&[(7, 53.5511, 9.9937), (8, 53.5512, 9.9938), (9, -33.86, 151.2)]);
        let shown: Vec<_> = spots.iter().map(|spot| (spot.id, spot.photos)).collect();
        assert_eq!(shown, [(7, 2), (9, 1)]);
        assert!((spots[0].lat - 53.55115).abs() < 1e-4);
        let many: Vec<_> =
            (0..100_000).map(|at| (at, (at % 170) as f32 - 85.0, (at / 170 % 360) as f32 - 180.0)).collect();
        let spots = clustered(&many);
        assert!(spots.len() <= MOST_PLACES && spots.iter().map(|spot| spot.photos).sum::<u64>() == 100_000);
    }

    #[test]
    fn parameters_that_contradict_one_another_are_refused() {
        let request = |query: &str| {
            let parameters: Parameters = parameters(&format!("/?{query}").parse().unwrap())?;
            parameters.limit()?;
            parameters.request()
        };
        let full =
            request("q=a+dog&sort=date&collapse=true&diverse=1&literal=1&raw=on&min_relevance=0.5&like=3&crop=0,0,1,1")
                .unwrap();
        assert!(
            full.collapse
                && full.diverse
                && full.literal
                && full.raw
                && full.sort == Sort::Date
                && full.example.is_some()
        );
        assert_eq!(request("").unwrap().text, "");
        assert!(request("q=&like=&sort=&crop=&limit=&offset=&collapse").unwrap().example.is_none());
        for wrong in [
            "limit=1001",
            "limit=-1",
            "offset=x",
            "sort=random",
            "crop=0,0,1,1",
            "like=1&picture=a",
            "min_relevance=2",
            "min_relevance=NaN",
            "collapse=maybe",
            "like=x",
        ] {
            assert!(request(wrong).is_err(), "{wrong}");
        }
    }
}
